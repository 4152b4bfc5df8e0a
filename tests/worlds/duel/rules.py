"""What code is for: whose turn it is, the odds from what was seen, and a judge who is never wrong."""

import random

BEATS = {
    "fox": ("headman", "The fox fools the headman"),
    "headman": ("hunter", "The headman commands the hunter"),
    "hunter": ("fox", "The hunter shoots the fox"),
}


def pick_next(situation: dict, candidates: list[str]) -> str:
    """Whoever is behind shows first; where nobody is, a lot decides, the same for the same seed."""
    facts = situation["facts"]
    lot = random.Random(f"{situation['seed']}/{situation['turn']}")
    return min(candidates, key=lambda player: (facts[f"score.{player}"], lot.random()))


def odds(situation: dict, hand: str) -> str:
    """The chance of a hand against what the rival has shown so far, as if it had shown each once more."""
    rival = "P2" if situation["me"] == "P1" else "P1"
    shown = [*situation["facts"][f"past.{rival}"].split(), *BEATS]
    beaten, _ = BEATS[hand]
    return f"{hand} wins {round(100 * shown.count(beaten) / len(shown))} times in 100"


def croupier(situation: dict) -> dict:
    """Compare the hands, say who wins and why, and award the point."""
    first, second = (situation["facts"][f"hand.{player}"] for player in ("P1", "P2"))
    if first == second:
        return {"say": f"Two of a kind: {first} and {first}. No point; show again."}
    wins_first = BEATS[first][0] == second
    winner, why = ("P1", BEATS[first][1]) if wins_first else ("P2", BEATS[second][1])
    points = situation["facts"][f"score.{winner}"] + 1
    said = f"{why}. That decides it!" if points == 2 else f"{why}. One point."
    return {"say": said, "award": {"winner": winner}}
