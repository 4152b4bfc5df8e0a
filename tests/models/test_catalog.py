"""``models.yaml``: what it can say, what is wrong with one, and where keys are."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from sim.errors import DefinitionError
from sim.models import catalog
from sim.models.catalog import EXAMPLE, OWN, Catalog, key_of, load, without_credentials
from sim.models.prices import Price
from sim.world.fields import money


def written(folder: Path, text: str) -> Catalog:
    """The catalog of a file with this text."""
    (folder / "models.yaml").write_text(text, encoding="utf-8")
    return load(folder / "models.yaml")


def refused(folder: Path, text: str) -> list[str]:
    """What is wrong with a file of this text, without the folder."""
    with pytest.raises(DefinitionError) as caught:
        written(folder, text)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_the_example_is_sound(tmp_path: Path) -> None:
    """With its comments, and with those lines that are commented out."""
    found = written(tmp_path, EXAMPLE)
    assert list(found.spec.models)[:3] == ["gpt-4o-mini", "deepseek-chat", "glm-4"]
    assert found.spec.models["staff"].first_of == ["deepseek-chat", "glm-4"]
    whole = EXAMPLE.replace("# budget:", "budget:").replace("# price: {input: 0", "price: {input: 4")
    more = written(tmp_path, whole)
    assert more.spec.budget.limits() == (200_000, money("0.50USD"))
    assert more.spec.models["glm-4"].price is not None


def test_what_an_entry_says(tmp_path: Path) -> None:
    """Prices exactly as they are written, and only the sampling that is given."""
    entry = written(
        tmp_path,
        "models:\n"
        "  m:\n"
        "    url: https://x/v1\n"
        "    price: {input: 0.1, output: 2, cached: 0.025, currency: CNY}\n"
        "    sampling: {temperature: 0, max_tokens: 50, extra: {top_k: 3}}\n"
        "    limits: {requests: 5}\n",
    ).spec.models["m"]
    assert entry.price is not None
    assert entry.price.price() == Price(Decimal("0.1"), Decimal("2.0"), Decimal("0.025"), "CNY")
    assert entry.sampling.given() == {"temperature": 0, "extra_body": {"top_k": 3}}
    assert (entry.limits.requests, entry.limits.tokens, entry.tries, entry.timeout) == (5, None, 8, 120)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "models: {}\n", "budget: {tokens: 5}\n"])
def test_a_file_may_name_no_models(tmp_path: Path, text: str) -> None:
    """It is there to be filled."""
    assert written(tmp_path, text).spec.models == {}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("windw: 8000", "unknown key 'windw'; did you mean 'window'? known: "),
        ("limits: {requets: 5}", "unknown key 'requets'; did you mean 'requests'? known: requests, tokens"),
        ("sampling: {temprature: 1}", "unknown key 'temprature'; did you mean 'temperature'? known: "),
        ("supports: {json: true}", "unknown key 'json'"),
        ('window: "8k"', "window: must be a whole number"),
        ("window: 8k", "window: must be a whole number"),
        ("window: 8192.0", "window: must be a whole number"),
        ("window: 100", "window: must be at least 256"),
        ("timeout: soon", "timeout: must be a number"),
        ("timeout: 0", "timeout: must be more than 0"),
        ("tries: 0", "tries: must be at least 1"),
        ("version: 2024", "version: must be text"),
        ("supports: {seed: no}", "supports.seed: must be true or false"),
        ("limits: {tokens: 0}", "limits.tokens: must be at least 1"),
        ("limits: 500", "limits: must be a mapping of keys to values"),
        ("sampling: {temperature: 3}", "sampling.temperature: must be at most 2"),
        ("price: {input: 1}", "price: lacks the key 'output'"),
        ("price: {input: -1, output: 1}", "price.input: must be at least 0"),
        ("price: {input: 1, output: 1, cached: 90000000}", "price.cached: must be at most 1000000"),
        ("price: {input: 1, output: 1, currency: yuan}", "'yuan' is no currency such as USD or CNY"),
        ("url: api.example.com/v1", "'api.example.com/v1' is no URL; it begins with http:// or https://"),
        ("api: openia", "'openia' is not one of the choices; did you mean 'openai'?"),
        ("tokenizer: gpt2", "'gpt2' is not one of the choices"),
        ("key: 'env:'", "key: names no variable; it looks like env:NAME"),
        ("key: 5", "key: must be text"),
        ("api: azure", "azure needs url and version"),
        ("first_of: a", "first_of: must be a name, or a list of names, as [a, b]"),
        ("{first_of: [scripted], window: 8000}", "a list of models (first_of, random) has no other keys"),
        ("{first_of: [scripted], random: [scripted]}", "is either first_of or random"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, entry: str, message: str) -> None:
    """And with what was probably meant."""
    body = entry if entry.startswith("{") else f"{{{entry}}}"
    (problem,) = refused(tmp_path, f"# A comment.\nmodels:\n  m: {body}\n")
    assert problem.startswith("models.yaml:3:")
    assert message in problem


@pytest.mark.parametrize("name", ["scripted", "human", "a,b", "a=b", "' a'", "''", "random:a"])
def test_some_names_cannot_be_given(tmp_path: Path, name: str) -> None:
    """They mean something else on the command line, or cannot be written there."""
    (problem,) = refused(tmp_path, f'models:\n  "{name.strip(chr(39))}": {{window: 8000}}\n')
    assert problem.endswith("cannot be the name of a model")


def test_lists_hold_models_and_no_lists(tmp_path: Path) -> None:
    """All problems are told at once, each at its place."""
    text = (
        "models:\n  glm-4: {window: 8000}\n  one: {first_of: [glm-4, scripted]}\n  two: {random:\n"
        "    [glm4,\n    one]}\n"
    )
    assert refused(tmp_path, text) == [
        "models.yaml:5:6: models.two.random.0: no model 'glm4'; did you mean 'glm-4'? known: glm-4, human, one, "
        "scripted, two",
        "models.yaml:6:5: models.two.random.1: 'one' is a list itself",
    ]


@pytest.mark.parametrize(
    "text", ["models: [a]", "- a", "models:\n  m: 5", "modells: {}", "a: &b 1", "models: {m: {x"]
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    """In a line or so, with file and line."""
    problems = refused(tmp_path, text)
    assert all(problem.startswith("models.yaml:") for problem in problems)


def test_a_name_that_is_nearly_right_is_told(tmp_path: Path) -> None:
    """One that the price list knows, or one like no other, may stand for a model at a URL."""
    found = written(tmp_path, "models:\n  deepseek-chat: {window: 8000}\n")
    with pytest.raises(DefinitionError) as caught:
        found.entry("depseek-chat")
    assert str(caught.value) == (
        f"no model 'depseek-chat' in {tmp_path}/models.yaml; did you mean 'deepseek-chat'? known: deepseek-chat"
    )
    assert (found.entry("gpt-4o"), found.entry("llama")) == (None, None)
    assert found.entry("deepseek-chat") is not None


def test_the_file_in_the_working_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then that of the user; with none there are no models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert load() == Catalog(None, load().spec, load().source)
    own = tmp_path / "config" / catalog.APP
    own.mkdir(parents=True)
    written(own, "models:\n  mine: {window: 8000}\n")
    assert list(load().spec.models) == ["mine"]
    written(tmp_path, "models:\n  here: {window: 8000}\n")
    assert list(load().spec.models) == ["here"]


def test_where_a_model_stands(tmp_path: Path) -> None:
    """Its file and line."""
    found = written(tmp_path, "models:\n  a: {window: 8000}\n\n  b: {window: 8000}\n")
    assert (found.where("a"), found.where("b")) == (f"{tmp_path}/models.yaml:2", f"{tmp_path}/models.yaml:4")


def test_a_key_comes_from_the_environment() -> None:
    """Without one there is none; a variable that is not set is named."""
    assert key_of("m", None) == ("", None)
    assert key_of("m", "env:KEY", {"KEY": "secret"}) == ("secret", None)
    assert key_of("m", "env: KEY ", {"KEY": "secret"}) == ("secret", None)
    for environment in ({}, {"KEY": ""}):
        with pytest.raises(DefinitionError, match=r"^set KEY to the key of 'm'$"):
            key_of("m", "env:KEY", environment)


def test_a_key_in_the_file_is_used_and_warned_of() -> None:
    """The warning does not repeat it."""
    key, warning = key_of("m", "sk-secret")
    assert key == "sk-secret"
    assert warning == "the key of 'm' stands in the file; env:NAME keeps it out of what is shared"


def test_no_error_repeats_a_key_in_the_file(tmp_path: Path) -> None:
    """Whatever else is wrong with its entry."""
    text = (
        "models:\n  m: {key: sk-secret-secret, windw: 5, price: {input: x}, url: nowhere}\n  n: {first_of: [q]}\n"
    )
    assert "secret" not in "\n".join(refused(tmp_path, text))


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        (None, None),
        ("https://x.org/v1", "https://x.org/v1"),
        ("https://user:pass@x.org:8443/v1?key=secret#frag", "https://x.org:8443/v1"),
    ],
)
def test_a_url_is_shown_without_what_may_be_a_key(url: str | None, bare: str | None) -> None:
    """User, password and query are left out."""
    assert without_credentials(url) == bare


def test_what_answers_without_an_endpoint_has_names_of_its_own() -> None:
    """Which lists may use."""
    assert {"scripted", "human"} == OWN
