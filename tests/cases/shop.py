"""A small shop to be tested by cases: a buyer, a seller, and what may be paid."""

from __future__ import annotations

from pathlib import Path

from sim.cases.play import Worlds
from sim.cases.reading import read_cases
from sim.cases.trying import Bench, Verdict

SHOP = """\
world: shop
languages: [en, zh]
roles: {buyer: chengzi, seller: cashier}
facts:
  paid: {money: CNY}
  asked: {flag: false, known_to: nobody}
actions:
  pay:
    by: buyer
    fields: {amount: {of: paid}}
    needs: [{that: act.amount <= 20, why: too much}]
    sets: {paid: act.amount}
states:
  counter:
    speakers: [buyer, seller]
    actions: pay
    go:
      - farewell: paid > 0
      - {to: left, after: {turns: 4}}
  farewell:
    speakers: [seller]
    heard_by: self
    go: [sold]
start: counter
ends: [sold, left]
lines:
  counter:
    buyer: [{when: state_turns > 1, do: {pay: {amount: 5}}, say: Here.}, {say: How much?}]
    seller: [{say: Five.}]
  farewell: {seller: [{say: Bye.}]}
"""


def write_shop(folder: Path, cases: str, name: str = "sale.yaml", world: str = SHOP) -> Path:
    """Write the shop and a file of cases into a folder, and give that file."""
    (folder / "tests").mkdir(parents=True, exist_ok=True)
    (folder / "world.yaml").write_text(world, encoding="utf-8")
    file = folder / "tests" / name
    file.write_text(cases, encoding="utf-8")
    return file


def tried(folder: Path, cases: str, *, update_golden: bool = False, world: str = SHOP) -> list[Verdict]:
    """What comes of the cases of a shop."""
    file = write_shop(folder, cases, world=world)
    bench = Bench(Worlds(), update_golden)
    return [bench.attempt(trial) for trial in read_cases(file, folder / "world.yaml")]


def failures(folder: Path, cases: str, *, world: str = SHOP) -> list[str]:
    """What is wrong with them: the line of the file, then what is told."""
    found = [str(failure) for verdict in tried(folder, cases, world=world) for failure in verdict.failures]
    return [text.rpartition("/")[2].removeprefix("sale.yaml:") for text in found]
