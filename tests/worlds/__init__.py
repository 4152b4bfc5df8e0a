"""Tests of the bundled worlds."""
