"""Tests of ``sim.compare``."""
