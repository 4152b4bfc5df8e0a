"""A judge at a local server: what it is asked, what its marks come to, and that nothing is asked twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server import completion

from sim.engine import tokens
from tests import role_play
from tests.provider import KEY, Provider
from tests.sweep.building import rows, swept, write

Serve = Callable[..., Provider]

HEAD = "experiment: sale\nworld: shop\nlang: en\n"
JUDGE = "judge: {model: small, rubric: Is the buyer polite?}\n"
ARMS = "arms: {plain: {}, dear: {variant: dear}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def models(folder: Path, server: Provider, more: str = "") -> None:
    """Two models at a server, which cost a dollar a thousand tokens, and whatever else the first has."""
    rest = f"url: {server.url}, key: 'env:OPENAI_API_KEY', price: {{input: 1000, output: 1000}}"
    text = f"models:\n  small: {{{rest}{more}}}\n  other: {{{rest}}}\n"
    (folder / "models.yaml").write_text(text, encoding="utf-8")


def asked(request: dict[str, Any]) -> str:
    """What a request says."""
    return "\n".join(message["content"] for message in request["messages"])


def marking(*scores: Any) -> Callable[[dict[str, Any]], Any]:
    """Gives these scores one after another, and then the last again and again."""
    left = list(scores)

    def answer(request: dict[str, Any]) -> Any:
        score = left.pop(0) if len(left) > 1 else left[0]
        said = score if isinstance(score, str) else json.dumps({"why": f"It is {score}.", "score": score})
        return 200, completion(said, role_play.asked(request), tokens.count(said))

    return answer


def by_price(request: dict[str, Any]) -> Any:
    """Marks by what is paid for it: a sale for five is a 5, none is a 2; so the same transcript has the same mark."""
    return marking(5 if "amount=5" in asked(request) else 2)(request)


def ledger(out: Path) -> list[dict[str, Any]]:
    """The calls of the judge."""
    return [json.loads(line) for line in (out / "judged.jsonl").read_text(encoding="utf-8").splitlines()]


def unmeasured(out: Path) -> list[bytes]:
    """The deterministic part of each call, byte for byte."""
    parts = [line.partition(b',"measured":{') for line in (out / "judged.jsonl").read_bytes().splitlines()]
    assert all(mark for _, mark, _ in parts)
    return [part for part, _, _ in parts]


def test_each_run_is_marked_and_the_call_is_in_the_ledger(folder: Path, serve: Serve) -> None:
    """With its tokens, its price and its prompt's hash; the row has the score and why; the key is nowhere."""
    server = serve(answer=by_price)
    models(folder, server)
    done = swept(write(folder, HEAD + ARMS + JUDGE), folder / "out")
    plain, dear = rows(folder / "out")
    first, second = ledger(folder / "out")
    (tokens_plain, tokens_dear) = (sum(billed) for billed in server.billed)
    assert plain["judged"] == {
        "status": "done", "score": 5.0, "why": "It is 5.", "n": 1, "unmarked": 0, "criteria": None, "judges": None,
        "calls": 1, "tokens": tokens_plain, "cost": pytest.approx(tokens_plain / 1000), "currency": "USD",
    }  # fmt: skip
    assert (dear["judged"]["score"], plain["tokens"]["total"]) == (2.0, sum(plain["by_model"]["scripted"].values()))
    assert [*first] == [
        "cell", "episode", "judge", "time", "attempt", "purpose", "model", "prompt", "answer", "scores", "refused",
        "usage", "cost", "currency", "measured",
    ]  # fmt: skip
    assert [(call["cell"], call["episode"], call["purpose"], call["scores"]) for call in (first, second)] == [
        (0, 1, "mark", {"score": 5}),
        (1, 1, "mark", {"score": 2}),
    ]
    assert (first["judge"], first["model"], first["answer"]) == (
        "small",
        "small",
        '{"why": "It is 5.", "score": 5}',
    )
    assert re.fullmatch(r"[0-9a-f]{32}", first["prompt"])
    assert first["prompt"] != second["prompt"]
    assert first["usage"]["prompt"] + first["usage"]["completion"] == tokens_plain
    assert first["measured"]["latency_s"] >= 0
    scripted = sum(row["tokens"]["total"] for row in (plain, dear))
    assert done.totals.tokens == scripted + tokens_plain + tokens_dear
    assert done.totals.paid_tokens == tokens_plain + tokens_dear
    assert plain["measured"]["paid"]["tokens"] == tokens_plain
    assert not (folder / "out" / "runs" / ".judged").exists()
    for path in folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()
