"""The pytest plugin: cases are collected beside worlds, fail readably, and disturb nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.shop import write_shop

pytest_plugins = ["pytester"]
OPTIONS = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider")


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    """Run pytest in a process of its own, so that what it imports is its own."""
    return pytester.runpytest_subprocess(*OPTIONS, *words)


def test_cases_are_collected_and_fail_with_their_lines(pytester: pytest.Pytester) -> None:
    """Each run is a test; a failure is what `sim test` says, and no traceback."""
    write_shop(
        pytester.path / "worlds" / "shop", "cases:\n  good: {lang: [en, zh]}\n  bad: {expect: {outcome: left}}\n"
    )
    result = run(pytester, "-v")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "worlds/shop/tests/sale.yaml::good (en) PASSED*",
            "worlds/shop/tests/sale.yaml::good (zh) PASSED*",
            "worlds/shop/tests/sale.yaml::bad FAILED*",
            "worlds/shop/tests/sale.yaml:3: turn 4: the end is 'sold', not 'left'",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    run(pytester, "-k", "good").assert_outcomes(passed=2, deselected=1)


def test_a_broken_file_is_an_error_with_every_mistake(pytester: pytest.Pytester) -> None:
    """When it is collected."""
    write_shop(pytester.path / "shop", "cases: {a: {sed: 1, expect: {outcom: x}}}")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*sale.yaml:1:13: cases.a.sed: unknown key 'sed'; did you mean 'seed'?*"])
    result.stdout.fnmatch_lines(["*cases.a.expect.outcom: unknown key 'outcom'*"])


def test_golden_transcripts_are_updated_on_request(pytester: pytest.Pytester) -> None:
    """As by `sim test --update-golden`."""
    write_shop(pytester.path / "shop", "cases: {a: {golden: a.txt}}")
    run(pytester).assert_outcomes(failed=1)
    run(pytester, "--update-golden").assert_outcomes(passed=1)
    assert (pytester.path / "shop" / "tests" / "a.txt").is_file()
    run(pytester).assert_outcomes(passed=1)


def test_only_files_beside_a_world_are_collected(pytester: pytest.Pytester) -> None:
    """Other YAML in folders of tests is left alone, and so is YAML elsewhere."""
    for name in ("tests/data.yaml", "other/tests/cases.yaml", "world/data/tests.yaml"):
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("cases: {a: {}}\n", encoding="utf-8")
    (pytester.path / "world" / "world.yaml").write_text("world: x\n", encoding="utf-8")
    run(pytester).assert_outcomes()


def test_a_project_without_worlds_pays_nothing(pytester: pytest.Pytester) -> None:
    """None of the heavy libraries is imported, and the package is no more than its first module."""
    pytester.makepyfile(
        """
        import sys

        def test_imports():
            assert "sim.pytest_plugin" in sys.modules
            ours = sorted(m for m in sys.modules if m == "sim" or m.startswith("sim."))
            assert ours == ["sim", "sim.pytest_plugin"]
            assert not {"autogen", "pydantic", "rule_engine", "yaml", "simpy"} & set(sys.modules)
        """
    )
    run(pytester, "-p", "no:anyio", "-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_autogen_is_not_imported_for_cases_either(pytester: pytest.Pytester) -> None:
    """They are played in a plain loop."""
    write_shop(pytester.path / "shop", "cases: {a: {}}")
    pytester.makepyfile(test_z="import sys\n\ndef test_imports():\n    assert 'autogen' not in sys.modules\n")
    result = run(pytester, "shop", "test_z.py")
    result.assert_outcomes(passed=2)


def test_another_plugin_may_have_the_option(pytester: pytest.Pytester) -> None:
    """Then it is that one's, and cases still run."""
    write_shop(pytester.path / "shop", "cases: {a: {}}")
    pytester.makepyfile(
        other_plugin="def pytest_addoption(parser):\n    parser.addoption('--update-golden', action='store_true')\n"
    )
    pytester.syspathinsert()
    run(pytester, "-p", "other_plugin").assert_outcomes(passed=1)


def test_a_project_without_worlds_may_have_the_option_in_its_conftest(pytester: pytest.Pytester) -> None:
    """Its own is the only one there."""
    pytester.makeconftest("def pytest_addoption(parser):\n    parser.addoption('--update-golden', default='')\n")
    pytester.makepyfile("def test_own(pytestconfig):\n    assert pytestconfig.getoption('update_golden') == 'x'\n")
    run(pytester, "--update-golden", "x").assert_outcomes(passed=1)


def test_the_plugin_is_registered_as_an_entry_point() -> None:
    """So that installing the package is enough."""
    text = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nroleplay_sim = "sim.pytest_plugin"\n' in text
