"""Tests of the JSON Schemas for editors."""
