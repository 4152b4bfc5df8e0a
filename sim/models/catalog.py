"""``models.yaml``: the models that a user names, where they are, what they take and what they cost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import platformdirs
from pydantic import Field, model_validator

from sim.errors import DefinitionError, did_you_mean
from sim.models.prices import Price, listed
from sim.world.fields import CURRENCY, URL, Budget, Part
from sim.world.source import Source, read_text, read_yaml
from sim.world.validation import validate

APP = "roleplay-sim"
FILE = "models.yaml"
OWN = frozenset({"scripted", "human"})
"""Names of what answers without an endpoint."""


class PriceEntry(Part):
    """What a million tokens cost."""

    input: float = Field(ge=0, le=1_000_000)
    output: float = Field(ge=0, le=1_000_000)
    cached: float | None = Field(
        None, description="of the input, what the provider had seen before", ge=0, le=1_000_000
    )
    currency: str = Field("USD", pattern=CURRENCY)

    def price(self) -> Price:
        """The price in exact decimals, as it was written."""
        cached = None if self.cached is None else Decimal(str(self.cached))
        return Price(Decimal(str(self.input)), Decimal(str(self.output)), cached, self.currency)


class LimitsEntry(Part):
    """What the provider lets in within a minute."""

    requests: int | None = Field(None, ge=1)
    tokens: int | None = Field(None, description="of prompts and answers together", ge=1)


class Sampling(Part):
    """How the model draws its words; what is not given is left to the provider."""

    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    max_tokens: int | None = Field(None, description="of an answer; else what the world allows", ge=16)
    extra: dict[str, Any] = Field({}, description="anything else that the endpoint takes in the body of a request")

    def given(self) -> dict[str, Any]:
        """The settings that are given, as a request has them."""
        named = self.model_dump(exclude={"extra", "max_tokens"}, exclude_none=True)
        return named | ({"extra_body": dict(self.extra)} if self.extra else {})


class Supports(Part):
    """What the endpoint takes; what is not said is tried, until the endpoint refuses it."""

    json_schema: bool | None = Field(None, description="answers by a JSON Schema")
    tools: bool | None = Field(None, description="functions")
    json_mode: bool | None = Field(None, description="answers that are some JSON object")
    seed: bool | None = Field(None, description="a seed for its draws")
    max_tokens: bool | None = Field(None, description="a limit on the length of an answer")


class Entry(Part):
    """One model, or a list of others of which the first that works, or one by the seed, is asked."""

    api: Literal["openai", "azure", "anthropic", "gemini"] = Field("openai", description="what the endpoint speaks")
    url: str | None = Field(None, description="the base URL; the provider's own where it has one", pattern=URL)
    model: str | None = Field(None, description="the id at the endpoint; else the name here")
    key: str | None = Field(None, description="env:NAME, the environment variable that holds the key")
    version: str | None = Field(None, description="the API version, for azure")
    window: int | None = Field(None, description="tokens of the context window, prompt and answer", ge=256)
    tokenizer: Literal["o200k_base", "cl100k_base"] | None = Field(
        None, description="the vocabulary, if it is one of these"
    )
    limits: LimitsEntry = LimitsEntry()
    price: PriceEntry | None = None
    sampling: Sampling = Sampling()
    supports: Supports = Supports()
    timeout: float = Field(120.0, description="seconds until an answer must be whole", gt=0, le=3600)
    tries: int = Field(8, description="how often a call is tried while failures may pass", ge=1, le=50)
    first_of: list[str] = Field([], description="names of models: the next is asked where one fails for good")
    random: list[str] = Field([], description="names of models: each agent has one of them, by the seed")

    @model_validator(mode="after")
    def _one_kind(self) -> Entry:
        if (self.first_of or self.random) and (self.model_fields_set - {"first_of", "random"}):
            raise ValueError("a list of models (first_of, random) has no other keys")
        if self.first_of and self.random:
            raise ValueError("is either first_of or random")
        if self.api == "azure" and not (self.url and self.version):
            raise ValueError("azure needs url and version")
        if self.api == "gemini" and self.url:
            raise ValueError(
                "AutoGen's client for gemini takes no url; its OpenAI-compatible one goes with api: openai"
            )
        return self


class ModelsFile(Part):
    """``models.yaml``."""

    models: dict[str, Entry] = Field({}, description="by name")
    budget: Budget = Budget()


@dataclass(frozen=True)
class Catalog:
    """The models of a file; none where there is no file."""

    path: Path | None
    spec: ModelsFile
    source: Source

    def entry(self, name: str) -> Entry | None:
        """A model by name; None where the file has none like it.

        Raises:
            DefinitionError: if the file has one of nearly that name, for that is what was meant.
        """
        found = self.spec.models.get(name)
        if found is None and self.path is not None:
            hint = did_you_mean(name, self.spec.models)
            if "did you mean" in hint and listed(name) is None:
                raise DefinitionError(f"no model '{name}' in {self.path}{hint}")
        return found

    def where(self, name: str) -> str:
        """File and line of a model."""
        _, line, _ = self.source.marks.get(("models", name), ("", 1, 1))
        return f"{self.path}:{line}"


def find() -> Path | None:
    """The file in the working folder, else in the user's configuration folder."""
    for folder in (Path(), platformdirs.user_config_path(APP)):
        if (folder / FILE).is_file():
            return folder / FILE
    return None


def load(path: Path | None = None, text: bytes | None = None) -> Catalog:
    """Read the file; with none given, the one that is found, and no models where there is none.

    With its ``text`` the file itself need not be there.

    Raises:
        DefinitionError: with every problem of the file.
    """
    path = path or find()
    if path is None:
        return Catalog(None, ModelsFile(), Source())
    source = read_yaml(path) if text is None else read_text(text.decode("utf-8-sig"), str(path))
    spec = validate(source, ModelsFile) if source.value is not None or source.problems else ModelsFile()
    if spec is not None:
        _check(spec, source)
    if spec is None or source.problems:
        raise DefinitionError.of(source.problems)
    return Catalog(path, spec, source)


def _check(spec: ModelsFile, source: Source) -> None:
    known = {*spec.models, *OWN}
    for name, entry in spec.models.items():
        at = ("models", name)
        is_taken = name in {*OWN, "acts"} or name.startswith("random:")
        if is_taken or name != name.strip() or not name or any(mark in name for mark in "=,"):
            source.problems.append(source.problem(at, "name", f"'{name}' cannot be the name of a model"))
        if entry.key is not None and not entry.key.removeprefix("env:").strip():
            source.problems.append(source.problem((*at, "key"), "key", "names no variable; it looks like env:NAME"))
        for kind in ("first_of", "random"):
            for index, other in enumerate(getattr(entry, kind)):
                if other not in known:
                    message = f"no model '{other}'{did_you_mean(other, known)}"
                    source.problems.append(source.problem((*at, kind, index), "model", message))
                elif other in spec.models and (spec.models[other].first_of or spec.models[other].random):
                    message = f"'{other}' is a list itself"
                    source.problems.append(source.problem((*at, kind, index), "model", message))


def price_as(name: str) -> str | Price:
    """What a name stands for in a ledger: its price in the file, else the id by which a list may know it."""
    entry = load().spec.models.get(name)
    if entry is None:
        return name
    return entry.price.price() if entry.price is not None else entry.model or name


def key_of(name: str, key: str | None, environment: Mapping[str, str] | None = None) -> tuple[str, str | None]:
    """The key of a model and a warning; ``env:NAME`` is read from the environment.

    Raises:
        DefinitionError: if the variable is not set.
    """
    if key is None:
        return "", None
    if not key.startswith("env:"):
        return key, f"the key of '{name}' stands in the file; env:NAME keeps it out of what is shared"
    variable = key.removeprefix("env:").strip()
    value = (os.environ if environment is None else environment).get(variable, "")
    if not value:
        raise DefinitionError(f"set {variable} to the key of '{name}'")
    return value, None


def without_credentials(url: str | None) -> str | None:
    """A URL without user, password and query, which may hold keys."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


EXAMPLE = """\
# Models by name, for `sim run WORLD --model NAME` and `--model ROLE=NAME`. Found in the working folder, else in the
# user's configuration folder. `sim models` lists them; `sim models test NAME` makes one small call.
# Prices are for a million tokens and stand for what your provider charges you: look them up, they change.
# A well-known model needs no price or window: a list that comes with this program knows them.

models:
  gpt-4o-mini:
    key: env:OPENAI_API_KEY            # the environment variable that holds the key; a key itself works, but warns
    limits: {requests: 500, tokens: 200000}   # what your account may use a minute

  deepseek-chat:
    url: https://api.deepseek.com/v1
    key: env:DEEPSEEK_API_KEY

  glm-4:                               # Zhipu
    url: https://open.bigmodel.cn/api/paas/v4
    key: env:ZHIPU_API_KEY
    window: 128000
    # price: {input: 0, cached: 0, output: 0, currency: CNY}
    supports: {json_schema: false}     # what is not said here is tried once, and not again if it is refused

  qwen-plus:
    url: https://dashscope.aliyuncs.com/compatible-mode/v1
    key: env:DASHSCOPE_API_KEY
    window: 131072
    sampling: {temperature: 0.7, top_p: 0.8, extra: {enable_thinking: false}}

  moonshot:
    url: https://api.moonshot.cn/v1
    model: moonshot-v1-8k              # the id at the endpoint, where the name here is another
    key: env:MOONSHOT_API_KEY

  yi-large:
    url: https://api.lingyiwanwu.com/v1
    key: env:YI_API_KEY
    window: 32768

  azure-gpt:
    api: azure
    url: https://YOUR-RESOURCE.openai.azure.com
    version: 2024-10-21
    model: YOUR-DEPLOYMENT
    key: env:AZURE_OPENAI_API_KEY
    window: 128000

  claude:                              # needs pip install 'roleplay-sim[anthropic]'
    api: anthropic
    model: claude-sonnet-4-5
    key: env:ANTHROPIC_API_KEY

  gemini:                              # needs pip install 'roleplay-sim[gemini]'
    api: gemini
    model: gemini-2.5-flash
    key: env:GEMINI_API_KEY
    window: 1000000

  local:                               # Ollama, vLLM, llama.cpp: no key, no price
    url: http://127.0.0.1:11434/v1
    model: qwen2.5:7b
    window: 8192
    price: {input: 0, output: 0}
    timeout: 300

  staff:
    first_of: [deepseek-chat, glm-4]   # the next is asked where one fails for good

  anyone:
    random: [deepseek-chat, qwen-plus] # each agent has one of them, by the seed of the run

# What a run may spend; --max-tokens and --max-cost say otherwise.
# budget: {tokens: 200000, cost: 0.50USD}
"""
