"""Files of acts: what the agents of a run say and do, turn by turn, and what the run starts from.

A file is YAML, or JSON lines (``.jsonl``): a turn on each line, after a line with the rest, if there is any. The
format is described in ``docs/testing.md``; its JSON Schema is made from these models.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, model_validator

from sim.errors import DefinitionError, Problem, did_you_mean
from sim.world.fields import Part
from sim.world.source import KeyPath, Source, read_yaml
from sim.world.validation import validate
from sim.world.world import World


def as_acts(value: Any) -> Any:
    """Acts in their long form: a name alone, or one with nothing after it, is an act without fields."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, list):
        return {n: f for each in value if isinstance(e := as_acts(each), dict) for n, f in e.items()}
    if isinstance(value, dict):
        return {n: {} if fields is None else fields for n, fields in value.items()}
    return value


DoneActs = Annotated[dict[str, Any], BeforeValidator(as_acts)]
"""Acts with their fields, ``{pay_fee: {amount: 15}}``; of one field, ``{give_floor: sales}`` will do."""


class Said(Part):
    """An answer of an agent: its words and acts, or ``answer``, all of it as a model would write it."""

    says: str | None = Field(None, max_length=100_000, description="the words; '…' if left out")
    does: DoneActs = Field({}, description="acts with their fields")
    looks_up: DoneActs = Field({}, description="look-ups that are made before")
    answer: str | None = Field(None, max_length=100_000, description="the whole answer as a model would write it")
    refused: bool = Field(default=False, description="the answer must be refused; without this it must not be")
    instead: Said | None = Field(None, description="the answer after a refusal; the same again if left out")

    @model_validator(mode="after")
    def _check(self) -> Said:
        if self.answer is not None and (self.says is not None or self.does):
            raise ValueError("'answer' is the whole answer: 'says' and 'does' cannot stand beside it")
        if self.instead is not None and not self.refused:
            raise ValueError("'instead' follows a refusal: 'refused: true' must stand beside it")
        return self


class ActedTurn(Said):
    """A turn, or some turns that the scripted model takes."""

    speaker: str | None = Field(None, description="the agent; whoever's turn it is if left out")
    episode: int = Field(1, ge=1, description="the episode, where a run has several")
    scripted: int = Field(0, ge=0, le=10_000, description="so many turns are the scripted model's")

    @model_validator(mode="after")
    def _check_scripted(self) -> ActedTurn:
        if self.scripted and self.model_fields_set - {"scripted", "episode"}:
            raise ValueError("'scripted' is a number of turns, and nothing else stands beside it but 'episode'")
        return self


class ActsFile(Part):
    """A file of acts: the turns in their order, and what the run starts from unless the command says otherwise."""

    world: str | None = Field(None, description="the world that it is for")
    variant: str | None = None
    lang: str | None = Field(None, description="one of the world's languages")
    seed: int | None = Field(None, description="what all random choices follow from")
    episodes: int | None = Field(None, ge=1, description="how many conversations begin")
    facts: dict[str, Any] = Field({}, description="facts to start with")
    turns: list[ActedTurn] = Field([], max_length=100_000)


MAX_LINES = 50_000_000
"""Bytes of a file of JSON lines; one of YAML may have as many as a world."""


MOST_TURNS = 100_000
"""Turns of a file, the scripted ones among them."""


@dataclass(frozen=True)
class Entry:
    """A turn of a file and where it stands."""

    turn: ActedTurn
    place: str

    @property
    def answers(self) -> tuple[tuple[Said, bool], ...]:
        """What is answered one after another; the flag says that an answer is a look-up before the turn itself."""
        found: list[tuple[Said, bool]] = []
        said: Said | None = self.turn
        while said is not None:
            found += [(said, True)] if said.looks_up else []
            found.append((said, False))
            said = said.instead
        return tuple(found)


@dataclass(frozen=True)
class Acts:
    """The turns of a file of acts, by episode, each with its place; ``spec`` is what stands beside them."""

    spec: ActsFile
    episodes: dict[int, list[Entry]]

    @property
    def entries(self) -> Iterator[Entry]:
        """All turns."""
        for found in self.episodes.values():
            yield from found

    @property
    def has_scripted(self) -> bool:
        """Whether some turns are the scripted model's."""
        return any(entry.turn.scripted for entry in self.entries)


def acts_of(turns: Sequence[ActedTurn], source: Source, path: KeyPath, spec: ActsFile | None = None) -> Acts:
    """The acts of turns that stand at ``path`` in a source.

    Raises:
        DefinitionError: if they are too many.
    """
    if sum(turn.scripted or 1 for turn in turns) > MOST_TURNS:
        raise DefinitionError(str(source.problem(path, "too-large", f"more than {MOST_TURNS:,} turns")))
    episodes: dict[int, list[Entry]] = {}
    for index, turn in enumerate(turns):
        problem = source.problem((*path, index), "", "")
        entry = Entry(turn, f"{problem.file}:{problem.line}")
        episodes.setdefault(turn.episode, []).extend([entry] * (turn.scripted or 1))
    return Acts(spec or ActsFile(turns=list(turns)), episodes)


def read_acts(path: Path, shown: str | None = None) -> Acts:
    """Read a file of acts.

    Raises:
        DefinitionError: with every problem found, each with file, line and key path.
    """
    lines = path.suffix in {".jsonl", ".ndjson"}
    source = _read_lines(path, shown or str(path)) if lines else read_yaml(path, shown)
    if not source.problems and not isinstance(source.value, dict):
        message = "a file of acts is a mapping with 'turns'; this file is not"
        source.problems.append(Problem(source.name, 1, 1, "acts", message))
    spec = validate(source, ActsFile)
    if spec is None:
        raise DefinitionError.of(source.problems)
    return acts_of(spec.turns, source, ("turns",), spec)


def _read_lines(path: Path, name: str) -> Source:
    """JSON lines as the value of a file of acts."""
    source = Source(name=name)
    head: dict[str, Any] = {}
    turns: list[Any] = []
    try:
        if path.stat().st_size > MAX_LINES:
            message = f"the file is larger than {MAX_LINES:,} bytes"
            source.problems.append(Problem(name, 1, 1, "too-large", message))
            return source
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        source.problems.append(Problem(name, 1, 1, "unreadable", f"cannot read the file: {why}"))
        return source
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            why = "nested too deep" if isinstance(error, RecursionError) else getattr(error, "msg", str(error))
            column = getattr(error, "colno", 1)
            source.problems.append(Problem(name, number, column, "json", f"not valid JSON: {why}"))
            continue
        if not turns and not head and isinstance(value, dict) and value and not set(value) & _TURN:
            head = {key: each for key, each in value.items() if key != "turns"}
            source.marks |= {(key,): (name, number, 1) for key in head}
            continue
        source.marks["turns", len(turns)] = (name, number, 1)
        turns.append(value)
    source.value = {**head, "turns": turns}
    return source


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which each key stands once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in the same object")
    return found


_TURN = set(ActedTurn.model_fields)
"""A first line that has none of these is no turn."""


def misfits(acts: Acts, world: World) -> list[str]:
    """What a world does not have of what some acts name, each with its place and a suggestion."""
    found = [problem for entry in acts.entries for problem in _misfits(entry, world)]
    return list(dict.fromkeys(found))


def _misfits(entry: Entry, world: World) -> Iterable[str]:
    speaker = entry.turn.speaker
    if speaker is not None and speaker not in world.cast:
        yield f"{entry.place}: unknown agent '{speaker}'{did_you_mean(speaker, world.agents)}"
    said: Said | None = entry.turn
    while said is not None:
        for names, known, what in ((said.does, world.actions, "action"), (said.looks_up, world.tools, "tool")):
            for name in names:
                if name not in known:
                    yield f"{entry.place}: unknown {what} '{name}'{did_you_mean(name, known)}"
        said = said.instead


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines, such as code, line by line, and what is repeated again."""

    def ignore_aliases(self, data: Any) -> bool:
        """No aliases: files of acts have none."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def to_yaml(value: Any) -> str:
    """A file of acts, or a part of one, as YAML."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=116)
