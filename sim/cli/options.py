"""The options that several commands share: who answers, what it may take, and where code may run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Caching(StrEnum):
    """What is done with answers that were paid for before."""

    off = "off"
    read = "read"
    write = "write"
    refresh = "refresh"


ModelNames = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="[ROLE=]NAME",
        help="Who answers: 'scripted', 'human', a model of models.yaml, or one's name at its endpoint; for "
        "all, or for a role or agent. A,B: B where A fails. random:A,B: one for each agent. Repeatable.",
    ),
]
BaseUrl = Annotated[str | None, typer.Option(help="An OpenAI-compatible URL, as http://127.0.0.1:8080/v1.")]
KeyEnv = Annotated[str, typer.Option(metavar="NAME", help="The environment variable that holds the key.")]
AllowExec = Annotated[bool, typer.Option("--allow-exec", help="Let code that agents write be run, in --work-dir.")]
WorkDir = Annotated[Path | None, typer.Option(help="The folder in which code is run; work/ID if left out.")]
CacheUse = Annotated[
    Caching,
    typer.Option(
        help="Answers paid for before: read uses them; write also keeps new ones; refresh asks anew and keeps all."
    ),
]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Stop before a call that could exceed so many tokens.")]
MaxCost = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help="Stop before a call that could exceed it, such as 0.50USD.")
]
Out = Annotated[Path | None, typer.Option(help="Where the log goes; runs/ID.jsonl if left out.")]
