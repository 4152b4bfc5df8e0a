"""Golden transcripts: written when asked for, held against afterwards."""

from __future__ import annotations

from pathlib import Path

from tests.cases.shop import SHOP, failures, tried

CASE = "cases:\n  a:\n    lang: [en, zh]\n    golden: golden/{lang}.txt\n"


def test_a_golden_transcript_is_written_when_asked_for_and_compared_afterwards(tmp_path: Path) -> None:
    """Until it is there, that is a failure that says how to write it."""
    messages = [failure.message for verdict in tried(tmp_path, CASE) for failure in verdict.failures]
    assert [message.rpartition("/")[2] for message in messages] == [
        f"{language}.txt yet; --update-golden writes it" for language in ("en", "zh")
    ]
    assert all(verdict.ok for verdict in tried(tmp_path, CASE, update_golden=True))
    assert (tmp_path / "tests" / "golden" / "en.txt").read_text(encoding="utf-8").splitlines()[:3] == [
        "",
        "── counter ──",
        "08:01 Chengzi How much?",
    ]
    assert failures(tmp_path, CASE) == []


def test_another_transcript_is_a_short_difference(tmp_path: Path) -> None:
    """At the place of the golden file's name, with what was and what is."""
    tried(tmp_path, CASE, update_golden=True)
    [verdict, _] = tried(tmp_path, CASE, world=SHOP.replace("How much?", "What does it cost?"))
    [failure] = verdict.failures
    lines = str(failure).splitlines()
    assert lines[0].endswith("sale.yaml:4: the transcript is another one")
    assert "-08:01 Chengzi How much?" in lines
    assert "+08:01 Chengzi What does it cost?" in lines


def test_a_long_difference_is_cut(tmp_path: Path) -> None:
    """A transcript has hundreds of lines."""
    tried(tmp_path, CASE, update_golden=True)
    golden = tmp_path / "tests" / "golden" / "en.txt"
    golden.write_text("\n".join(map(str, range(100))), encoding="utf-8")
    [verdict, _] = tried(tmp_path, CASE)
    assert len(verdict.failures[0].message.splitlines()) == 22
    assert verdict.failures[0].message.endswith("\n…")
