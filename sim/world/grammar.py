"""The tables of rule-engine's parser, made beforehand.

The library makes them when it is imported, which takes longer than all else that a command imports. Its parser
generator, PLY, takes them from a module of this name instead, if that is of the same grammar; if it is not, they
are made as ever. With another version of the library, ``SIM_UPDATE_GOLDEN=1 pytest tests/world/test_grammar.py``
writes them anew.
"""

from __future__ import annotations

import sys

from sim.world import parsetab

MODULE = "rule_engine.parser.parsetab"

sys.modules.setdefault(MODULE, parsetab)
