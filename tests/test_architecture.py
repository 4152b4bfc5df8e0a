"""The layers of the package, read from its source: data flows one way, and no module reaches upward."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sim"
LAYERS = [
    "errors",
    "world",
    "engine",
    "explore",
    "proof",
    "record",
    "models",
    "stage",
    "read",
    "cases",
    "sweep",
    "compare",
    "schemas",
    "creating",
    "cli",
    "pytest_plugin",
]
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def layer_of(module: str) -> int | None:
    parts = module.split(".")
    return LAYERS.index(parts[1]) if parts[0] == "sim" and len(parts) > 1 and parts[1] in LAYERS else None


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_own_layer_or_below(path: Path) -> None:
    """Data flows world, engine, log; everything else reads the log."""
    own = layer_of("sim." + path.relative_to(PACKAGE).as_posix().removesuffix(".py").replace("/", "."))
    if own is None:
        return
    above = {m for m in imports_of(path) if (layer := layer_of(m)) is not None and layer > own}
    assert above == set()


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("autogen", "stage/adapter"),
        ("simpy", "engine/clock.py"),
        ("scipy", "compare"),
        ("statsmodels", "compare"),
        ("ray", "sweep/ray_engine.py"),
    ],
)
def test_one_part_alone_imports_a_library_that_could_be_replaced(library: str, home: str) -> None:
    """AutoGen is known to one package, SimPy and Ray to one module, statistics to the comparison."""
    users = [
        p.relative_to(PACKAGE).as_posix()
        for p in MODULES
        if any(m == library or m.startswith(f"{library}.") for m in imports_of(p))
    ]
    assert users
    assert all(user == home or user.startswith(f"{home}/") for user in users)


@pytest.mark.parametrize("arguments", [["--help"], ["runs"], ["worlds"]])
def test_commands_that_play_nothing_do_not_import_autogen(arguments: list[str], tmp_path: Path) -> None:
    """`sim --help` must answer at once."""
    code = (
        f"import sys; sys.argv = ['sim', *{arguments!r}]\n"
        "from sim.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(any(m in sys.modules for m in ('autogen', 'rule_engine', 'bpe_openai')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_layers_of_the_test_are_those_of_the_package() -> None:
    """A new part of the package takes its place in the order."""
    parts = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert parts - {"__init__"} == set(LAYERS)
