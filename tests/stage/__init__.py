"""Tests of sim.stage."""
