"""Tests of ``sim.record``."""
