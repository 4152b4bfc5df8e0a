"""Tests of ``sim.explore``."""
