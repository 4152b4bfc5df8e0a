"""Tests of ``sim.read``."""
