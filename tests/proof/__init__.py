"""Tests of ``sim.proof``."""
