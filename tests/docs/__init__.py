"""Tests of the tool that makes the documentation."""
