"""Commands about one persona: ``persona show``, ``persona import`` and ``new persona``."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, app, new_app, print_json, say
from sim.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from sim.world.imports.file import Imported

persona_app = typer.Typer(no_args_is_help=True)
app.add_typer(persona_app, name="persona", help="Show a persona, or bring one from elsewhere.")

_LANGUAGES = {"zh": "Chinese", "en": "English"}


class Language(StrEnum):
    """The languages in which the package has words."""

    zh = "zh"
    en = "en"


@persona_app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A persona's id, or its file.")],
    lang: Annotated[str | None, typer.Option(help="The language; the first of its name if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Show what a sheet says, and the system prompt with which an agent of that persona begins.

    Example: sim persona show chengzi --lang zh
    """
    from sim.engine.prompt import opening  # noqa: PLC0415 - needs what `sim --help` does not
    from sim.world.imports.found import guessed_language  # noqa: PLC0415
    from sim.world.kinds import label_of  # noqa: PLC0415
    from sim.world.people import find_persona  # noqa: PLC0415

    persona, path, population = find_persona(name)
    given = persona.model_dump(exclude={"persona", "age", "sex", "facts"})
    languages = list(dict.fromkeys(k for labels in given.values() for k in labels if k != "*"))
    if lang is not None and languages and lang not in languages:
        raise DefinitionError(f"'{persona.persona}' has no words in '{lang}'{did_you_mean(lang, languages)}")
    said = "\n".join(text for labels in given.values() for text in labels.values())
    language = lang or (languages[0] if languages else guessed_language(said) or "en")
    texts = {key: label_of(labels, language) for key, labels in given.items() if key != "prompt" and labels}
    row: dict[str, Any] = {
        "persona": persona.persona,
        "path": str(path),
        "population": population,
        "language": language,
        "languages": languages,
        "name": texts.pop("name"),
        "age": persona.age,
        "sex": persona.sex,
        **texts,
        "facts": persona.facts,
        "prompt": opening(persona, language, label_of(persona.name, language)),
    }
    if as_json:
        print_json(row)
        return
    prompt = row.pop("prompt")
    shown = {k: v for k, v in row.items() if v not in (None, "", [], {}) and k not in {"language", "languages"}}
    for key, value in shown.items():
        say(f"{key:10} {_words(value)}")
    others = [k for k in languages if k != language]
    say(f"\nthe system prompt, in '{language}'" + (f" (also: {', '.join(others)})" if others else "") + ":\n")
    say(prompt)


def _words(value: Any) -> str:
    text = ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
    return text.replace("\n", "\n" + " " * 11)


@persona_app.command(name="import")
def bring(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A character card (JSON, PNG) or an *.agent.json.")],
    out: Annotated[Path | None, typer.Option(help="A folder, or a .yaml file; ./personas if left out.")] = None,
    name: Annotated[str | None, typer.Option(help="The persona's id; made of its name if left out.")] = None,
    lang: Annotated[Language | None, typer.Option(help="The language of its texts; guessed if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Make a sheet of a SillyTavern character card (V1, V2, V3) or a TinyTroupe agent, and say what was not kept.

    Example: sim persona import mira.png --lang en
    """
    from sim.world.drafts import draft, write_draft  # noqa: PLC0415
    from sim.world.imports.file import import_persona  # noqa: PLC0415

    as_id, folder = _place(out, name)
    done = import_persona(file, as_id=as_id, language=lang.value if lang is not None else None)
    as_id = str(done.persona["persona"])
    path = folder / f"{as_id}.yaml"
    text = draft(done.persona, done.language, _head(file, done))
    write_draft(path, _schema_line(path) + text)
    if as_json:
        row = {
            "persona": as_id,
            "file": str(path),
            "kept": list(done.kept),
            "left": [{"field": each.field, "reason": each.reason} for each in done.left],
            "keys": done.kept,
            "format": done.form,
            "language": done.language,
            "guessed": done.is_guessed,
        }
        print_json(row)
        return
    spoken = f"in {_LANGUAGES[done.language]}" if done.language else "in a language of its own, for all"
    say(f"{path}: {_only(done.persona['name'])}, {spoken}" + (" (by its letters)" if done.is_guessed else ""))
    for field, key in done.kept.items():
        say(f"kept  {field}" + (f" as {key}" if key != field else ""))
    for each in done.left:
        say(f"left  {each.field}: {each.reason}")
    _tell_of_others(path, as_id)


def _place(out: Path | None, name: str | None) -> tuple[str | None, Path]:
    """The id that is asked for, if any, and the folder: of a file that is named, what it is called."""
    from sim.world.imports.found import identifier  # noqa: PLC0415

    as_id = identifier(name) if name is not None else None
    if out is None or out.suffix not in {".yaml", ".yml"}:
        return as_id, out if out is not None else Path("personas")
    if out.suffix == ".yml" or identifier(out.stem) != out.stem:
        raise DefinitionError(f"{out}: a persona's file is named like its id: {identifier(out.stem)}.yaml")
    if as_id not in {None, out.stem}:
        raise DefinitionError(f"{out}: a persona's file is named like its id, and --name says '{as_id}'")
    return out.stem, out.parent


def _head(file: Path, done: Imported) -> list[str]:
    from sim.world.imports.found import shown  # noqa: PLC0415

    head = [f"From {shown(file.name)} ({done.form})" + (f", {done.credit}" if done.credit else "")]
    left = list(dict.fromkeys(each.field for each in done.left if each.field not in done.kept))
    if left:
        head.append(f"Not kept: {', '.join(left[:20])}{', …' if len(left) > 20 else ''}")
    return head


def _schema_line(path: Path) -> str:
    """The comments by which editors find the schema, where ``sim schema`` or ``sim new world`` has put it."""
    schemas = path.parent.parent / ".schemas"
    if not (schemas / "persona.json").is_file():
        return ""
    from sim.schemas.files import reference  # noqa: PLC0415 - needs what `sim --help` does not

    return reference(path, schemas, Path("personas", path.name))


def _only(labels: Any) -> str:
    return str(next(iter(labels.values())) if isinstance(labels, dict) else labels)


def _tell_of_others(path: Path, as_id: str) -> None:
    """Say so where a persona of the package is now hidden."""
    from sim.world.folders import search_path  # noqa: PLC0415

    own, bundled = search_path("personas")
    if path.parent == own and (bundled / path.name).is_file() and own.resolve() != bundled.resolve():
        say(f"worlds here now take this '{as_id}' in place of the package's")


@new_app.command(name="persona")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What they are called; the id is made of it.")],
    called: Annotated[str | None, typer.Option("--name", help="What they are called, if NAME is the id.")] = None,
    age: Annotated[int | None, typer.Option(min=0, max=150, help="In years.")] = None,
    sex: Annotated[str | None, typer.Option(help="male, female, or another word.")] = None,
    background: Annotated[str | None, typer.Option(help="Who they are, and what brought them here.")] = None,
    traits: Annotated[str | None, typer.Option(help="What they are like.")] = None,
    goals: Annotated[str | None, typer.Option(help="What they want.")] = None,
    style: Annotated[str | None, typer.Option(help="How they speak.")] = None,
    knowledge: Annotated[str | None, typer.Option(help="What they know.")] = None,
    private: Annotated[str | None, typer.Option(help="What they know and do not tell of themselves.")] = None,
    lang: Annotated[Language | None, typer.Option(help="The language of the texts; by their letters.")] = None,
    out: Annotated[Path | None, typer.Option(help="A folder, or a .yaml file; ./personas if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Write a commented sheet to ./personas. At a terminal, asks for what is not given; an empty answer is none.

    Example: sim new persona "Li Ming" --age 30 --traits "Quiet, and stubborn."
    """
    from sim.world.drafts import draft, write_draft  # noqa: PLC0415
    from sim.world.imports.found import guessed_language, identifier  # noqa: PLC0415

    if not name.strip() or (called is not None and not called.strip()):
        raise DefinitionError("a persona needs a name")
    texts = {
        "background": background,
        "traits": traits,
        "goals": goals,
        "style": style,
        "knowledge": knowledge,
        "private": private,
    }
    if called is not None and not name.isascii() and re.fullmatch("[a-z]+(?:_[a-z0-9]+)+", called):
        hint = f"write: sim new persona {called} --name {name}"
        raise DefinitionError(f"NAME is the id and --name is what they are called; {hint}")
    as_id, folder = _place(out, None)
    path = folder / f"{as_id or identifier(name)}.yaml"
    if path.exists():
        raise DefinitionError(f"{path} is there already")
    if sys.stdin.isatty() and not as_json and age is None and sex is None and not any(texts.values()):
        age, sex, texts = _asked(texts)
    spoken = " ".join((called or name).split())
    words = "\n".join([spoken, *filter(None, texts.values())])
    language = lang.value if lang is not None else guessed_language(words)
    persona: dict[str, Any] = {"persona": path.stem, "name": {language: spoken} if language else spoken}
    persona |= {"age": age} if age is not None else {}
    persona |= {"sex": sex} if sex else {}
    persona |= {key: {language: text} if language else text for key, text in texts.items() if text}
    write_draft(path, _schema_line(path) + draft(persona, language))
    if as_json:
        print_json({"persona": path.stem, "file": str(path), "language": language})
        return
    shown = path.stem if folder == Path("personas") else path
    say(f"{path}: fill in what you like; 'sim persona show {shown}' shows the prompt it makes")
    _tell_of_others(path, path.stem)


def _asked(texts: dict[str, str | None]) -> tuple[int | None, str | None, dict[str, str | None]]:
    """Ask for what a sheet can say; an empty answer leaves it out."""

    def ask(what: str) -> str:
        return str(typer.prompt(what, default="", show_default=False)).strip()

    age = ask("age, in years")
    if age and not (age.isascii() and age.isdigit() and len(age) <= 3 and int(age) <= 150):
        raise DefinitionError(f"'{age}' is no whole number of years up to 150")
    sex = ask("sex (male, female, or another word)")
    answers = {key: ask(key) or None for key in texts}
    return int(age) if age else None, sex or None, answers
