"""Writing a new world: the files of a template with the user's names, checked and played before one is written."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from sim.cases.play import Worlds
from sim.cases.reading import read_cases
from sim.cases.trying import Bench
from sim.creating.languages import in_languages
from sim.creating.naming import as_id, check_names, named_phases, named_roles, plain_text
from sim.creating.templates import FOLDER, Part, Template, find_template
from sim.errors import DefinitionError, did_you_mean
from sim.schemas.files import reference, schema_texts
from sim.world.drafts import draft, write_draft
from sim.world.library import check
from sim.world.source import read_text

LANGUAGES = ("en", "zh")
SEEDS = (0, 1, 2, 3)
GOLDEN_SEED = 7


@dataclass(frozen=True)
class Plan:
    """What a user asks for; what is left empty is the template's.

    ``out`` is the folder in which the world's own folder is made.
    """

    name: str
    template: str = "procedure"
    languages: tuple[str, ...] = LANGUAGES
    roles: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    title: str = ""
    out: Path = Path("worlds")


@dataclass(frozen=True)
class Written:
    """What was written: the world's id, its folder, the files, and how it is named in commands."""

    world: str
    folder: Path
    files: tuple[Path, ...]
    place: str


@dataclass(frozen=True)
class _Cast:
    template: Template
    roles: tuple[Part, ...]
    phases: tuple[Part, ...]
    title: Mapping[str, str]
    scene: Mapping[str, str]


def create_world(plan: Plan) -> Written:
    """Write a world that checks, runs and passes its test as it is.

    Raises:
        DefinitionError: if a name or an option cannot be used, or a file is there already; then nothing is written.
    """
    template = find_template(plan.template)
    _check_languages(plan.languages)
    world = as_id(plain_text(plan.name, "NAME"), "NAME")
    cast = _cast(template, plan)
    check_names(template, [*cast.roles, *cast.phases], _own_names(template))
    folder = plan.out / world
    place = world if plan.out == Path("worlds") else str(folder)
    texts = _texts(world, folder, place, cast, plan.languages)
    schemas = _schema_folder(plan.out)
    files = {path: reference(folder / path, schemas, path) + text for path, text in texts.items()}
    _refuse_existing(folder, files)
    files |= _played(world, files, template)
    _refuse_existing(folder, files)
    for path, text in files.items():
        write_draft(folder / path, text)
    made = [folder / path for path in files]
    for name, text in schema_texts().items():
        if not (schemas / name).exists():
            write_draft(schemas / name, text)
            made.append(schemas / name)
    return Written(world, folder, tuple(made), place)


def _check_languages(languages: Sequence[str]) -> None:
    for language in languages:
        if language not in LANGUAGES:
            raise DefinitionError(f"--lang: no words in '{language}'{did_you_mean(language, LANGUAGES)}")
    if not languages or len(set(languages)) < len(languages):
        raise DefinitionError("--lang: name en, zh, or both, each once: --lang en,zh")


def _cast(template: Template, plan: Plan) -> _Cast:
    roles = named_roles(template, plan.roles)
    phases = named_phases(template, plan.phases, roles)
    if not (plan.title or plan.roles or plan.phases):
        return _Cast(template, roles, phases, template.title, template.scene)
    title = plain_text(plan.title or plan.name.replace("_", " "), "--title" if plan.title else "NAME")
    title = title[0].upper() + title[1:]
    return _Cast(template, roles, phases, {"en": title, "zh": title}, template.plain_scene)


def _schema_folder(out: Path) -> Path:
    """Where the schemas for editors stand: beside ``worlds``, or in a folder of worlds that is called otherwise."""
    return (out.parent if out.name == "worlds" else out) / ".schemas"


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(  # noqa: S701 - what is written is YAML and Markdown, not HTML
        loader=jinja2.FileSystemLoader(FOLDER),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"q": _quoted, "said": _quoted, "i": lambda text: _quoted(text)[1:-1]}
    made.filters["sentence"] = _sentence
    made.filters["flow"] = lambda items: f"[{', '.join(items)}]"
    return made


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _key(text: str) -> str:
    """The name of a rule or a case as a key: in quotes where it needs them."""
    return text if re.fullmatch(r"[^\W\d_][\w ]*", text) else _quoted(text)


def _sentence(text: str) -> str:
    """A title as a sentence: with a full stop, if it ends without any."""
    if text[-1] in ".!?…。！？":
        return text
    return text + ("." if text[-1].isascii() else "。")


def _texts(world: str, folder: Path, place: str, cast: _Cast, languages: tuple[str, ...]) -> dict[Path, str]:
    """The files by their path in the world's folder, but for what only a run can tell."""
    template, roles = cast.template, cast.roles
    first, *others = roles
    words: dict[str, Any] = {
        "world": world, "place": place, "folder": folder.as_posix(), "languages": list(languages),
        "title": cast.title, "scene": cast.scene, "about": template.about,
        "roles": roles, "phases": cast.phases, "ends": template.ends, "seeds": SEEDS, "golden": GOLDEN_SEED,
        "first": first, "others": others, "last": cast.phases[-1] if cast.phases else None,
        "traitors": 3 if len(roles) >= 9 else 2,
    }  # fmt: skip
    environment = _environment()
    environment.globals["rule"] = lambda en, zh: _key(zh if languages[0] == "zh" else en)

    def rendered(name: str) -> str:
        return environment.get_template(name).render(words)

    files = {
        Path("world.yaml"): in_languages(rendered(f"{template.name}/world.yaml.j2"), languages),
        Path("lines.yaml"): in_languages(rendered(f"{template.name}/lines.yaml.j2"), languages),
        Path("tests", f"{world}.yaml"): in_languages(rendered("cases.yaml.j2"), languages),
    }
    for role in roles:
        files[Path("personas", f"{role.id}.yaml")] = _sheet(role, languages)
    for i, language in enumerate(languages):
        name = "README.md" if i == 0 else f"README.{language}.md"
        files[Path(name)] = re.sub(r"\n{3,}", "\n\n", rendered(f"README.{language}.md.j2"))
    return files


def _sheet(role: Part, languages: Sequence[str]) -> str:
    """The persona that plays a role; what it does not say is there as a comment."""
    sheet: dict[str, Any] = {"persona": role.id}
    for key, words in (("name", role.name), ("background", role.background)):
        if words is not None and words["en"]:
            told = {language: words[language] for language in languages}
            sheet[key] = told if len(set(told.values())) > 1 else next(iter(told.values()))
    return draft(sheet, languages[0])


def _own_names(template: Template) -> dict[str, str]:
    """The names that a template uses itself, and what for; roles and phases are left out."""
    cast = _Cast(template, template.roles, template.phases, template.title, template.scene)
    text = _texts("world", Path("world"), "world", cast, LANGUAGES)[Path("world.yaml")]
    value = read_text(text, "world.yaml").value
    taken: dict[str, str] = {}
    kinds = {
        "facts": "a fact", "derived": "a value", "groups": "a group", "actions": "an act", "ballots": "a vote",
        "states": "a state", "ends": "an end",
    }  # fmt: skip
    for key, what in kinds.items():
        taken |= dict.fromkeys(value.get(key, {}), what)
    for fact in value["facts"].values():
        choice = fact.get("choice")
        taken |= dict.fromkeys(choice if isinstance(choice, list | dict) else (), "a choice")
    own = {part.id for part in (*template.roles, *template.phases)}
    for name in [*taken]:
        if name in own or name.removesuffix("_floor") in own:
            del taken[name]
    return taken | ({"player": "a role"} if "player" in value["roles"] else {})


def _refuse_existing(folder: Path, files: Mapping[Path, str]) -> None:
    for path in files:
        if (folder / path).exists():
            raise DefinitionError(
                f"{folder / path} is there already, and nothing was written; take another name, or --out FOLDER"
            )


def _played(world: str, files: Mapping[Path, str], template: Template) -> dict[Path, str]:
    """Check the world and play its cases where nobody sees it; the golden transcripts that come of it.

    Raises:
        DefinitionError: with the problems, if there are any: of names that no template can take.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / world
        for path, text in files.items():
            write_draft(folder / path, text)
        problems, _ = check(folder)
        if problems:
            told = "; ".join(problem.message for problem in problems[:3])
            raise DefinitionError(f"the template '{template.name}' cannot take these names: {told}")
        bench = Bench(Worlds(), update_golden=True)
        for trial in read_cases(folder / "tests" / f"{world}.yaml", folder / "world.yaml"):
            verdict = bench.attempt(trial)
            if not verdict.ok:
                told = "; ".join(failure.message for failure in verdict.failures[:3])
                raise DefinitionError(f"the template '{template.name}' does not run with these names: {told}")
        golden = sorted((folder / "tests" / "golden").glob("*.txt"))
        return {path.relative_to(folder): path.read_text(encoding="utf-8") for path in golden}
