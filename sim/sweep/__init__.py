"""Experiments: many runs of a world in several settings, each a row of one results file."""
