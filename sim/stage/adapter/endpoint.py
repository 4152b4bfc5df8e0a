"""A model at an endpoint: from the cache where it may be, within its limits and the run's budget, tried again."""

from __future__ import annotations

import copy
import json
import logging
import os
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sim.engine import tokens
from sim.engine.room import MARGIN, Room, answer_tokens
from sim.errors import DefinitionError, ModelError
from sim.models import prices
from sim.models.catalog import Entry, Sampling, without_credentials
from sim.models.limits import Limiter, Timer, WallTimer
from sim.models.model import Reply, Request
from sim.models.prices import Price
from sim.models.retries import Failure, persist
from sim.record.records import Usage
from sim.stage.adapter.abilities import Abilities, look_ups
from sim.stage.adapter.wire import FEW, Answered, NotTaken, Wire
from sim.stage.exchange import MAX_ANSWER

_LOG = logging.getLogger("sim.models")


class Endpoint:
    """A model behind an OpenAI-compatible URL, or one that AutoGen's other clients reach.

    The key is read from an environment variable and is written nowhere; should an answer or an error repeat it,
    it is taken out. One object serves all runs and threads; ``limiter`` keeps it within the limits of its provider.
    """

    is_remote = True
    keeps_budget = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_name: str = "OPENAI_API_KEY",
        timeout_s: float = 120.0,
        temperature: float | None = None,
        entry: Entry | None = None,
        key: str | None = None,
        limiter: Limiter | None = None,
        timer: Timer | None = None,
    ) -> None:
        self.name = model
        self.entry = entry or Entry(url=None, timeout=timeout_s, sampling=Sampling(temperature=temperature))
        given = key if key is not None else os.environ.get(key_name, "")
        url = base_url or self.entry.url
        if not given and url is None and entry is None:
            raise DefinitionError(f"set {key_name} to the key of '{model}', or give --base-url of a local server")
        if not given.isascii():
            raise DefinitionError(f"the key of '{model}' has characters that no key has; is it the real one?")
        if url is not None and not url.startswith(("http://", "https://")):
            raise DefinitionError(f"'{url}' is no URL; it begins with http:// or https://")
        self.entry = self.entry.model_copy(update={"url": url})
        prices.load()
        self._id = self.entry.model or model
        self._url = without_credentials(url)
        self._limiter = limiter
        self._timer = timer or WallTimer()
        self._abilities = Abilities(self.entry)
        self._wire = Wire(model, self.entry, self._url, given)
        self._own = self.entry.price.price() if self.entry.price is not None else None
        self._vocabulary = self.entry.tokenizer or tokens.vocabulary_of(self._id)

    @property
    def description(self) -> Mapping[str, Any]:
        """The model, where it is, how it draws, and how long a prompt it takes; no key."""
        entry, known = self.entry, {"name": self.name, "base_url": self._url}
        told: dict[str, Any] = {
            "model": entry.model,
            "sampling": entry.sampling.model_dump(exclude_defaults=True) or None,
            "window": entry.window or prices.window(self._id),
            "vocabulary": self._vocabulary,
        }
        return known | {name: value for name, value in told.items() if value is not None}

    @property
    def takes(self) -> Mapping[str, bool]:
        """What the endpoint takes, as far as it is known."""
        return {name: bool(value) for name, value in vars(self._abilities).items() if isinstance(value, bool)}

    def price(self, prompt: int = 0) -> Price | None:
        """What holds for a call with so many prompt tokens; None where it is not known."""
        return self._own or prices.listed(self._id, prompt)

    def answer(self, request: Request) -> Reply:
        """The answer from the cache, or from the endpoint.

        Raises:
            BudgetError: if the call could exceed the run's budget.
            ModelError: if it fails for good, with the answers that were paid for in vain.
        """
        most = answer_tokens(request.world, self.description)
        identity = self._identity(request, most)
        kept = request.cache.find(identity) if request.cache is not None else None
        if kept is not None and (reply := self._kept(kept, request)) is not None:
            return reply
        spent: list[Reply] = []
        failures: list[str] = []

        def tell(text: str) -> None:
            failures.append(text)
            _LOG.warning("%s", text)

        jitter = request.streams.at("backoff", request.role, request.turn, request.attempt).uniform()
        try:
            reply = persist(lambda: self._try(request, most, spent), self._timer, jitter, tell, self.entry.tries)
        except ModelError as error:
            error.spent = tuple(spent)
            raise
        if request.cache is not None:
            request.cache.keep(identity, {"text": reply.text, "usage": reply.usage.model_dump(), **reply.measured})
        measured = {**reply.measured, **({"failures": failures} if failures else {})}
        return Reply(
            reply.text, reply.usage, reply.cost, reply.currency, measured, self.name, reply.price, tuple(spent)
        )

    def _identity(self, request: Request, most: int) -> dict[str, Any]:
        """All that an answer follows from, whatever the endpoint is found to take of it."""
        prompt = request.prompt
        return {
            "api": self.entry.api,
            "url": self._url,
            "model": self._id,
            "messages": list(prompt.messages),
            "schema": prompt.schema,
            "tools": look_ups(request) if request.has_tools else [],
            "sampling": self.entry.sampling.model_dump(),
            "supports": self.entry.supports.model_dump(),
            "max_tokens": most,
            "seed": request.streams.seed,
        }

    def _kept(self, kept: Mapping[str, Any], request: Request) -> Reply | None:
        try:
            usage, text = Usage.model_validate(kept["usage"]), kept["text"]
        except (KeyError, ValueError):
            return None
        if not isinstance(text, str) or usage.cached > usage.prompt:
            return None
        told = {k: str(kept[k]) for k in ("served_as", "fingerprint") if k in kept}
        return self._reply(text, usage, {"hit": True, **told})

    def _try(self, request: Request, most: int, spent: list[Reply]) -> Reply:
        """One try, within the limits and the budget; what it gave in vain is added to ``spent``."""
        counted = self._counted(request, most)
        price = self.price(counted.prompt)
        budget = request.budget
        held = budget.reserve(self.name, counted, price) if budget is not None else Decimal(0)
        taken: Usage | None = None
        cost: Decimal | None = None
        try:
            reply = self._paced(request, most, counted)
            taken, cost = reply.usage, reply.cost
        except _InVain as vain:
            spent.append(vain.reply)
            taken, cost = vain.reply.usage, vain.reply.cost
            raise Failure(str(vain), True, tries=FEW) from None
        finally:
            if budget is not None:
                budget.settle(counted, held, taken, cost)
        return reply

    def _paced(self, request: Request, most: int, counted: Usage) -> Reply:
        if self._limiter is None:
            return self._sent(request, most, counted)
        with self._limiter.slot(counted.prompt + counted.completion) as slot:
            try:
                reply = self._sent(request, most, counted)
            except _InVain as vain:
                slot.tokens = vain.reply.usage.prompt + vain.reply.usage.completion
                raise
            slot.tokens = reply.usage.prompt + reply.usage.completion
        return reply

    def _counted(self, request: Request, most: int) -> Usage:
        """The most that a call may take: its prompt as counted, with a margin, and an answer of full length."""
        room = Room(0, self._vocabulary or tokens.USUAL)
        prompt = room.count(request.prompt.messages, request.prompt.schema)
        if request.has_tools:
            prompt += tokens.count(json.dumps(look_ups(request), ensure_ascii=False), room.vocabulary)
        if self._vocabulary is None:
            prompt = int(prompt * (1 + MARGIN)) + 1
        return Usage(prompt=prompt, completion=most, is_estimated=True)

    def _sent(self, request: Request, most: int, counted: Usage) -> Reply:
        """Ask the endpoint, with less and less of what it does not take."""
        # What is given up is known only when the rest is answered: it may have been something else all the time.
        abilities = copy.copy(self._abilities)
        sampling = self.entry.sampling.given()
        started = time.perf_counter()
        while True:
            options = abilities.options(request, most, sampling)
            try:
                answered = self._wire.send(options)
            except NotTaken as refused:
                if abilities.give_up(options, refused.reason):
                    continue
                raise Failure(str(refused)) from None
            self._abilities = self._abilities.both(abilities)
            return self._read(answered, request, round(time.perf_counter() - started, 3))

    def _read(self, answered: Answered, request: Request, latency_s: float) -> Reply:
        text = (answered.text or "")[:MAX_ANSWER]
        is_reported = answered.prompt is not None and answered.completion is not None
        if is_reported:
            usage = Usage(
                prompt=answered.prompt, completion=answered.completion, cached=answered.cached, is_estimated=False
            )
        else:
            vocabulary = self._vocabulary or tokens.USUAL
            counted = tokens.count_messages(request.prompt.messages, vocabulary)
            usage = Usage(prompt=counted, completion=tokens.count(text, vocabulary), is_estimated=True)
        reply = self._reply(text, usage, {"latency_s": latency_s, **answered.told})
        if answered.text is not None:
            return reply
        message = f"{self._where}: the answer has no words in it"
        if is_reported:
            raise _InVain(message, reply)
        raise Failure(message, True, tries=FEW)

    @property
    def _where(self) -> str:
        return f"{self.name} at {self._url}" if self._url else self.name

    def _reply(self, text: str, usage: Usage, measured: Mapping[str, Any]) -> Reply:
        price = self.price(usage.prompt)
        if price is None:
            return Reply(text, usage, None, None, measured, self.name)
        return Reply(text, usage, price.cost(usage), price.currency, measured, self.name, price.as_text())


class _InVain(Exception):
    """An answer that was paid for and has nothing in it."""

    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(message)
        self.reply = reply
