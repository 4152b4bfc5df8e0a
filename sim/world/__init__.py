"""Worlds and personas: reading their files, checking them, and what the engine is given."""

from sim.world import grammar  # noqa: F401 - before rule-engine is imported
