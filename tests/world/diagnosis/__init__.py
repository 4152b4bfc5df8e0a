"""Tests of :mod:`sim.world.diagnosis`."""
