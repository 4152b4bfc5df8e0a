"""The command line, for the guide."""

from tests.cli.conftest import folder, sim

__all__ = ["folder", "sim"]
