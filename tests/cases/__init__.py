"""Tests of ``sim.cases``."""
