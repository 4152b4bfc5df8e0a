"""Checking an experiment against its worlds, personas, models and functions, before anything is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sim.errors import DefinitionError, did_you_mean
from sim.models.budget import Budget
from sim.models.catalog import OWN, Catalog
from sim.models.model import Model
from sim.models.prices import listed
from sim.models.scripted import Scripted
from sim.stage.casting import EVERYONE, models_for, speakers
from sim.stage.fitting import check_room
from sim.stage.providers import OneOf, Providers, check_budget
from sim.stage.run import settings_for
from sim.sweep.arms import Said
from sim.sweep.asking import agents_of, overflow, prompt_of
from sim.sweep.cells import seated
from sim.sweep.format import ExperimentFile, Setting
from sim.sweep.staging import Code, Stage, path_of, read_world, with_personas, with_phases
from sim.world.expressions import Compiled
from sim.world.rules import Functions
from sim.world.source import KeyPath, Source
from sim.world.vocabulary import ExpressionError
from sim.world.world import World

_T = TypeVar("_T")


@dataclass(frozen=True)
class Checked:
    """An arm that can be played."""

    stage: Stage
    world: World


class Checks:
    """Checks the parts of one experiment; problems are noted in its source, and each world is read once."""

    def __init__(
        self, folder: Path, source: Source, spec: ExperimentFile, listed_models: Catalog, *, code: bool
    ) -> None:
        self.catalog = listed_models
        self.models: dict[str, Model] = {}
        self._folder = folder
        self._source = source
        self._spec = spec
        self._code = code
        self._providers = Providers(listed_models)
        self._worlds: dict[str, World] = {}
        self._seen: dict[str, str] = {}
        self._unusable: set[str] = set()
        self._names: set[str] = set()
        self._wrong = 0

    def functions(self) -> dict[str, tuple[Code, str]]:
        """The code and the name of each function that measures."""
        found: dict[str, tuple[Code, str]] = {}
        loaded: dict[Code, Functions] = {}
        for name, text in self._spec.functions.items():
            at: KeyPath = ("functions", name)
            file, colon, function = text.rpartition(":")
            path = self._folder / file
            if not colon or not file or not function:
                self._note(at, f"'{text}' names no function; it looks like measures.py:rudeness")
            elif not self._code:
                self._note(at, f"{file} is code, which --no-code refuses to load")
            elif not path.is_file():
                self._note(at, f"there is no file {file} beside the experiment")
            else:
                with self._told(at):
                    read = Code.read(path)
                    if read not in loaded:
                        loaded[read] = read.load()
                    if function not in loaded[read]:
                        self._note(at, f"no function '{function}' in {file}{did_you_mean(function, loaded[read])}")
                    found[name] = (read, function)
        return found

    def judge(self) -> None:
        """Check the models that mark, and that the rubric leaves their windows room for a transcript."""
        judge = self._spec.judge
        for index, name in enumerate(judge.model if judge is not None else []):
            at: KeyPath = ("judge", "model", index)
            at = at if at in self._source.marks else ("judge", "model")
            model = self._marker(name, at)
            if model is not None and judge is not None:
                over = [overflow(judge, prompt_of(judge, [], language), model) for language in judge.rubric]
                for needs, room in filter(None, over):
                    told = (
                        f"has {needs:,} tokens without any transcript, and the window of '{name}' leaves {room:,}"
                    )
                    self._note(("judge", "rubric"), told)

    def _marker(self, name: str, at: KeyPath) -> Model | None:
        """A model that can mark; None where it cannot, which is noted."""
        if name == Scripted.name:
            self._note(at, "the script has no lines for a judge; name a model that reads")
            return None
        if name == "human":
            self._note(at, "a person cannot mark while an experiment runs; name a model")
            return None
        model = self.model(name, at)
        if isinstance(model, OneOf):
            self._note(
                at, f"'{name}' would draw who marks by the seed; name one model, or a list of which all mark"
            )
            return None
        tokens, cost = self._spec.budget.limits()
        if model is not None and (tokens is not None or cost is not None):
            self._tried(("budget", "cost"), lambda: check_budget(Budget(tokens, cost), {name: model}))
        return model

    def _judged(self, said: Said, world: World) -> None:
        """Check that the rubric is in the language of an arm, and that there is whose part is marked."""
        judge = self._spec.judge
        if judge is None:
            return
        language = said.setting.lang or world.spec.languages[0]
        texts: dict[KeyPath, Mapping[str, str]] = {("judge", "rubric"): judge.rubric}
        texts |= {("judge", "criteria", name): text for name, text in judge.criteria.items()}
        for at, text in texts.items():
            if language not in text and "*" not in text and language in world.spec.languages:
                self._note(at, f"is not there in '{language}', which is spoken; it is there in {', '.join(text)}")
        if judge.of is not None and not agents_of(world, judge.of):
            known = {*world.cast, *world.spec.roles}
            self._note(
                ("judge", "of"), f"no agent or role '{judge.of}' in {world.name}{did_you_mean(judge.of, known)}"
            )

    def arm(self, said: Said) -> Checked | None:
        """The world of an arm; None where something is wrong with it, which is noted."""
        before = self._wrong
        world, path = self._world(said)
        if world is None or path is None:
            return None
        world = self._changed(said, world, path)
        if world is None:
            return None
        self._setting(said, world)
        models = self._models(said, world)
        self._measures(world)
        self._judged(said, world)
        self._nobody_else(said, world)
        if self._wrong == before:
            self._cast(said, world, models)
        if self._wrong == before:
            self._is_another(said, world)
        return Checked(Stage.of(world, path), world) if self._wrong == before else None

    def _note(self, at: KeyPath, message: str, code: str = "experiment") -> None:
        self._wrong += 1  # for each arm, even where the same was told of another
        problem = self._source.problem(at, code, message)
        if problem not in self._source.problems:
            self._source.problems.append(problem)

    @contextmanager
    def _told(self, at: KeyPath) -> Iterator[None]:
        """Note what cannot be used at a place of the experiment; the problems of another file as they are."""
        try:
            yield
        except DefinitionError as error:
            self._wrong += 1
            self._source.problems += [p for p in error.problems if p not in self._source.problems]
            if not error.problems:
                self._note(at, str(error))

    def _blame(self, at: KeyPath, error: DefinitionError) -> None:
        """Note at a place what is wrong with a world that was changed there; it has no file of its own."""
        self._note(at, "; ".join(problem.message for problem in error.problems) or str(error))

    def _tried(self, at: KeyPath, make: Callable[[], _T]) -> _T | None:
        with self._told(at):
            return make()
        return None

    def _world(self, said: Said) -> tuple[World | None, Path | None]:
        setting, places = said.setting, said.places
        if setting.world is None:
            self._note(places.whole, "names no world")
            return None, None
        name = setting.world
        path = self._tried(places.at("world"), lambda: path_of(name, self._folder))
        if path is None:
            return None, None
        key = json.dumps([str(path), setting.variant])
        if key in self._unusable:
            return None, None
        if key not in self._worlds:
            at = places.at("variant" if setting.variant is not None else "world")
            world = self._tried(at, lambda: read_world(path, setting, code=self._code))
            if world is None:
                self._unusable.add(key)
                return None, None
            self._worlds[key] = world
        return self._worlds[key], path

    def _changed(self, said: Said, world: World, path: Path) -> World | None:
        """The world with the personas, the context and the orders of an arm."""
        setting, places = said.setting, said.places
        for state in setting.order or {}:
            if state not in world.states:
                message = f"unknown state '{state}'{did_you_mean(state, world.states)}"
                self._note(places.at("order", state), message)
                return None
        key = json.dumps([str(path), setting.variant, setting.model_dump(mode="json", include=_STAGED)])
        if key in self._worlds:
            return self._worlds[key]
        changed = world
        for name, persona in (setting.personas or {}).items():
            try:
                changed = with_personas(changed, {name: persona}, path)
            except DefinitionError as error:
                self._blame(places.at("personas", name), error)
                return None
        try:
            self._worlds[key] = with_phases(changed, setting)
        except DefinitionError as error:
            self._blame(places.at("order" if setting.order else "context"), error)
            return None
        return self._worlds[key]

    def _setting(self, said: Said, world: World) -> None:
        setting, places = said.setting, said.places
        with self._told(places.at("lang")):
            settings_for(world, language=setting.lang)
        for name, value in (setting.set_ or {}).items():
            with self._told(places.at("set", name)):
                settings_for(world, facts={name: value})
        with self._told(places.at("episodes")):
            settings_for(world, episodes=setting.episodes)

    def _models(self, said: Said, world: World) -> dict[str, Model]:
        """The models of an arm by agent, role or ``*``."""
        setting, places = said.setting, said.places
        known = {*speakers(world), *world.spec.roles, EVERYONE}
        found: dict[str, Model] = {}
        for name, model in (setting.model or {}).items():
            if name not in known:
                message = f"no agent or role '{name}' in {world.name}{did_you_mean(name, known - {EVERYONE})}"
                self._note(places.at("model", name), message)
            made = self.model(model, places.at("model", name))
            found |= {name: made} if made is not None else {}
        rotate = self._spec.rotate
        if rotate is not None:
            if rotate.role not in world.spec.roles:
                message = f"no role '{rotate.role}' in {world.name}{did_you_mean(rotate.role, world.spec.roles)}"
                self._note(("rotate", "role"), message)
            made_all = {m: self.model(m, ("rotate", "models", i)) for i, m in enumerate(rotate.models)}
            for seat, name in seated(rotate.models, seats_of(world, rotate.role), 0).items():
                model_there = made_all[name]
                found |= {seat: model_there} if model_there is not None else {}
        return found

    def model(self, text: str, at: KeyPath) -> Model | None:
        """The model of a name, made once; None where it cannot be used, which is noted."""
        names = [n.strip() for n in text.removeprefix("random:").split(",")]
        for name in names:
            if name == "human":
                self._note(at, "a person cannot play in an experiment; name another model")
                return None
            if name and name not in self.catalog.spec.models and name not in OWN and listed(name) is None:
                known = {*self.catalog.spec.models, "scripted"}
                where = f" in {self.catalog.path}" if self.catalog.path is not None else ": there is no models.yaml"
                self._note(at, f"unknown model '{name}'{where}{did_you_mean(name, known)}")
                return None
        if text not in self.models:
            made = self._tried(at, lambda: self._providers.model(text))
            if made is None:
                return None
            self.models[text] = made
        return self.models[text]

    def _measures(self, world: World) -> None:
        for name, text in self._spec.measure.items():
            try:
                Compiled(text, world.vocabulary)
            except ExpressionError as error:
                self._note(self._measured_at(name), str(error))

    def _measured_at(self, name: str) -> KeyPath:
        """Where a measure stands, be it in a list or in a mapping."""
        given = self._source.value.get("measure")
        for index, item in enumerate(given if isinstance(given, list) else []):
            if item == name:
                return ("measure", index)
            if isinstance(item, dict) and name in item:
                return ("measure", index, name)
        return ("measure", name)

    def _nobody_else(self, said: Said, world: World) -> None:
        """Note roles and states that need somebody who is not there while an experiment runs."""
        models, places = said.setting.model or {}, said.places
        rotated = self._spec.rotate.role if self._spec.rotate is not None else None
        for name, role in world.spec.roles.items():
            agents = seats_of(world, name)
            is_given = name in models or name == rotated or all(agent in models for agent in agents)
            if role.kind == "human" and not is_given:
                self._note(places.at("model"), f"'{name}' is played by a person; name a model for it under 'model'")
            if role.kind == "executor" and not is_given:
                self._note(places.at("world"), f"'{name}' runs code that agents write, which no experiment does")
        for name, state in world.states.items():
            if state.order == "manual":
                self._note(
                    places.at("order", name), f"in '{name}' the user picks who speaks; give it another order"
                )

    def _cast(self, said: Said, world: World, models: Mapping[str, Model]) -> None:
        setting, spec = said.setting, self._spec
        settings = settings_for(
            world, language=setting.lang, facts=setting.set_ or {}, episodes=setting.episodes, seed=1
        )
        cast = self._tried(said.places.at("model"), lambda: models_for(world, models, seed=1))
        if cast is None:
            return
        self._tried(said.places.at("model"), lambda: check_room(world, settings, cast))
        tokens, cost = spec.budget.limits()
        if tokens is not None or cost is not None:
            self._tried(("budget", "cost"), lambda: check_budget(Budget(tokens, cost), cast))

    def _is_another(self, said: Said, world: World) -> None:
        """Note an arm that is played just as another is."""
        setting = said.setting
        language = setting.lang or world.spec.languages[0]
        facts = settings_for(world, facts=setting.set_ or {}).facts
        names = {agent: model_name(world, setting, agent) for agent in speakers(world)}
        key = repr((world.digest, language, sorted(facts.items()), sorted(names.items()), setting.episodes))
        other = self._seen.setdefault(key, said.name)
        if other != said.name:
            self._note(said.places.whole, f"the arm '{said.name}' is the same as '{other}'")
        if said.name in self._names:
            self._note(said.places.whole, f"two arms are called '{said.name}'")
        self._names.add(said.name)


_STAGED = {"personas", "order", "context"}


def seats_of(world: World, role: str) -> tuple[str, ...]:
    """The agents of a role, in the order of the cast."""
    return tuple(agent for agent, of in world.cast.items() if of == role)


def model_name(world: World, setting: Setting, agent: str) -> str:
    """What the model of an agent is called in the experiment; what no model plays, by its function."""
    given = setting.model or {}
    role = world.cast.get(agent, agent)
    spec = world.spec.roles.get(role)
    if agent in given or role in given:
        return given.get(agent) or given[role]
    if spec is not None and spec.kind == "rule":
        return f"rules.py:{spec.function}"
    return given.get(EVERYONE) or "scripted"
