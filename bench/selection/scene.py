"""The visit that all arms play: the bundled world made as long as is asked for, its prompts, and its marks.

All arms have the system prompts that the world gives its agents. What our stage tells a speaker turn by turn (what
to do in a state, which acts there are) the plain chats are told at the end of the system prompt, in the world's own
words; there an act is done by its mark, such as ``[pay_fee]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sim.engine.prompt import opening
from sim.errors import DefinitionError
from sim.models.provider_names import provider_name
from sim.stage.together import opening_words
from sim.world.kinds import label_of, show_number
from sim.world.library import load
from sim.world.sheet import sheet
from sim.world.templates import names_in, render
from sim.world.world import World

SOURCE = Path(__file__).resolve().parents[2] / "worlds" / "hospital_visit" / "world.yaml"
PATIENT, REGISTRAR, DOCTOR, CASHIER, PHARMACIST = "patient", "registrar", "doctor", "cashier", "pharmacist"
CUT = 2.0
"""A chat that has not come to its end is cut after so many times its rounds."""

WHOLE = {"of": "all"}
"""The context of our stage with which a speaker is sent all that it heard."""

FEWEST = 14
_SHARES = {"reception": 0.3, "till": 0.2, "pharmacy": 0.15}
"""Of the replies, in each state; the rest is the consultation's."""

STRICTER = {
    "a prescription before registration": "not prescription.is_empty and not registered",
    "medicine without a receipt": "dispensed and not receipt",
}
"""Rules that the bundled world need not have, since nothing can break them there; a plain chat can."""

PLACED = {"leave_for": "place"}
"""The act whose mark says where it leads, and the field that has it."""

_MARK = re.compile(r"\[([a-z_]+)(?: ([a-z_]+))?\]")

_WORDS = {
    "zh": {
        "where": "{label}：{told}",
        "acts": "做下面某件事时，在这句话的最后原样写上方括号里的记号：",
        "act": "[{name}] {about}",
        "stop": "；",
        "unknown": "……",
        "way": "看病的顺序：{states}。",
    },
    "en": {
        "where": "{label}: {told}",
        "acts": "When you do one of these, end what you say with its mark in brackets, as it stands: ",
        "act": "[{name}] {about}",
        "stop": "; ",
        "unknown": "…",
        "way": "The order of a visit: {states}.",
    },
}


@dataclass(frozen=True)
class Pace:
    """How many replies each state takes where nobody errs; they add up to the rounds but one, the opening."""

    reception: int
    consulting: int
    till: int
    pharmacy: int

    @classmethod
    def of(cls, rounds: int) -> Pace:
        """The pace of a visit of so many rounds, an even number.

        Raises:
            DefinitionError: if there are too few of them, or they are odd.
        """
        if rounds < FEWEST or rounds % 2:
            raise DefinitionError(f"--rounds {rounds}: an even number from {FEWEST} on")
        replies = rounds - 1
        # In all but the consultation it is the first speaker who also speaks last.
        odd = {state: max(3, (int(replies * share) - 1) // 2 * 2 + 1) for state, share in _SHARES.items()}
        return cls(consulting=replies - sum(odd.values()), **odd)


@dataclass(frozen=True)
class Scene:
    """A visit of so many rounds as AutoGen counts them, the opening among them, in one of the world's languages."""

    world: World
    rounds: int
    language: str
    pace: Pace
    most: int
    """The messages after which a chat is cut, the opening among them."""

    @property
    def opening(self) -> str:
        """What the narrator says first."""
        return opening_words(self.world, self.language)

    @property
    def names(self) -> Mapping[str, str]:
        """The name of each agent in AutoGen."""
        return {agent: provider_name(agent) for agent in self.world.agents}

    def system(self, agent: str) -> str:
        """The system prompt of an agent, as our stage sends it."""
        world = self.world
        return opening(world.personas[agent], self.language, world.agent_name(agent, self.language))

    def about(self, agent: str) -> str:
        """What AutoGen's `auto` is told of an agent: its character sheet.

        Without it AutoGen would send the whole system prompt of each agent with every choice.
        """
        return sheet(self.world.personas[agent], self.language)

    def plain(self, agent: str) -> str:
        """The system prompt of an agent in a plain chat: the same, and what it is told and can do in all states."""
        words = _WORDS[self.language]
        world = self.world
        way = words["way"].format(
            states=" → ".join(label_of(s.label, self.language) for s in world.states.values())
        )
        parts = []
        for state in world.states.values():
            told = next((label_of(t, self.language) for circle, t in state.tell if agent in circle.agents), "")
            if told:
                parts.append(words["where"].format(label=label_of(state.label, self.language), told=told))
        acts = words["stop"].join(self._act(name) for name in world.actions if self.does(agent, name))
        return f"{self.system(agent)}\n{way}\n" + "\n".join(parts) + f"\n{words['acts']}{acts}"

    def does(self, agent: str, action: str) -> bool:
        """Whether an act is an agent's."""
        return action in self.world.actions and agent in self.world.actions[action].by.agents

    def _act(self, name: str) -> str:
        words, action = _WORDS[self.language], self.world.actions[name]
        about = label_of(action.about, self.language)
        text = render(about, dict.fromkeys(names_in(about), words["unknown"]))
        choices = [
            c for field in action.fields.values() for c in self._choices((field.kind.item or field.kind).options)
        ]
        if name in PLACED:
            places = action.fields[PLACED[name]].kind.options
            named = zip(places, choices, strict=True)
            return words["stop"].join(
                words["act"].format(name=f"{name} {p}", about=f"{text}: {c}") for p, c in named
            )
        told = f"{text}: {', '.join(choices)}" if choices else text
        return words["act"].format(name=name, about=told)

    def _choices(self, options: Mapping[str, Mapping[str, str]] | None) -> list[str]:
        """The options of a field, each with the price of its row."""
        rows: dict[str, Any] = {
            row: cells for table in self.world.spec.tables.values() for row, cells in table.items()
        }
        shown = []
        for option, label in (options or {}).items():
            cells = dict(rows.get(option) or {})
            price = cells.get("fee", cells.get("price"))
            words = label_of(label, self.language) or label_of(cells.get("label") or {}, self.language) or option
            shown.append(f"{words} {show_number(price)}" if price is not None else words)
        return shown


def make(
    rounds: int, language: str, folder: Path, *, cut: float = CUT, context: Mapping[str, Any] | None = None
) -> Scene:
    """Write the world of a visit of so many rounds into a folder, and load it.

    Args:
        rounds: as AutoGen counts them, of a visit in which nobody errs.
        language: one of the world's.
        folder: where the world is written.
        cut: a chat is cut after so many times the rounds.
        context: what of the talk our stage sends to a speaker; as the world says where None.

    Raises:
        DefinitionError: if the rounds or the language are none there can be.
    """
    pace = Pace.of(rounds)
    world = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    if language not in world["languages"]:
        raise DefinitionError(f"--lang {language}: one of {', '.join(world['languages'])}")
    for name in ("variants", "tools"):
        del world[name]
    due = {
        "register": pace.reception - 2, "pay_fee": pace.reception - 1, "prescribe": pace.consulting - 2,
        "pay_bill": pace.till - 2, "dispense": pace.pharmacy - 2,
    }  # fmt: skip
    for action, turns in due.items():
        world["actions"][action]["due"] = f"state_turns >= {turns}"
    for state in world["states"].values():
        state["actions"] = [a for a in state["actions"] if a in world["actions"]]
        state["go"] = [transition for transition in state["go"] if "after" not in transition]
    world["never"] |= STRICTER
    most = int(cut * rounds)
    world["limits"] |= {"turns": most - 1, "minutes": 100_000}
    if context is not None:
        world["context"] = dict(context)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "world.yaml").write_text(yaml.safe_dump(world, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return Scene(load(folder), rounds, language, pace, most)


@dataclass(frozen=True)
class Mark:
    """An act as words do it; ``place`` is where the patient goes."""

    action: str
    place: str | None = None


def marks_of(text: str) -> list[Mark]:
    """The marks in what somebody said, whether or not they are acts that there are."""
    return [Mark(found[1], found[2]) for found in _MARK.finditer(text)]
