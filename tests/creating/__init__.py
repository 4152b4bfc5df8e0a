"""Tests of beginning a world: templates, names, and the files that are written."""
