"""Worlds and personas: reading their files, checking them, and what the engine is given."""
