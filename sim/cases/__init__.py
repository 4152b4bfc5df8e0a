"""Tests of worlds: cases that stand beside a world, how they are played, and whether they came out as expected."""
