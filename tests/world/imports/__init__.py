"""Personas from elsewhere, read as data."""
