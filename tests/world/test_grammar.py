"""The tables that rule-engine's parser is given are those that it would make."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rule_engine import Rule
from rule_engine._vendor.ply import yacc

from sim.world import parsetab
from tests.cli.running import ROOT, python


def test_the_tables_are_those_that_the_library_would_make(tmp_path: Path) -> None:
    """Of the version that is installed."""
    yacc.yacc(
        module=Rule.parser, tabmodule="made", outputdir=str(tmp_path), debug=False, errorlog=yacc.NullLogger()
    )
    made = (tmp_path / "made.py").read_text(encoding="utf-8").replace("# made.py", "# parsetab.py", 1)
    kept = Path(str(parsetab.__file__))
    if os.environ.get("SIM_UPDATE_GOLDEN"):
        kept.write_text(made, encoding="utf-8")
    assert kept.read_text(encoding="utf-8") == made


@pytest.mark.parametrize("module", ["sim.engine.machine", "sim.world.expressions", "sim.proof.examining"])
def test_no_tables_are_made_when_a_world_is_read(module: str) -> None:
    """Whichever module comes first: what is read from tables is a small thing of its own."""
    code = f"import {module}, rule_engine; print(type(rule_engine.Rule.parser._parser.productions[1]).__name__)"
    done = python(code, cwd=ROOT)
    assert (done.code, done.out, done.err) == (0, "MiniProduction\n", "")
