"""Tests of ``sim.world``."""
