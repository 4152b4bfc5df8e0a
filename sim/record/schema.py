"""The JSON Schema of a log's records, for readers that are not ours: what each type has, and what it means."""

from __future__ import annotations

from typing import Any

from sim.record.records import FORMAT, READER

DIALECT = "https://json-schema.org/draft/2020-12/schema"

WORDS: dict[str, str] = {
    "seq": "The number of the record: 0, 1, 2, …",
    "hash": "SHA-256, in hex, of the hash before and the bytes of the line up to, but without, this field.",
    "measured": "What was only told and is not hashed: wall time, latency, the provider's ids, versions.",
    "type": "The type of the record.",
    "episode": "The conversation that the record belongs to, counted from 1.",
    "turn": "The turn of the episode that the record belongs to, counted from 1; 0 is before the first.",
    "time": "Simulated minutes since the run began.",
    "state": "The state of the world's machine.",
    "attempt": "Counts from 0 what was asked for one turn, selection or summary.",
    "role": "The agent; of a call also `selector`, where a model picks who speaks.",
    "speaker": "The agent who spoke.",
    "heard_by": "The agents who heard it, or may be given it.",
    "text": "What was said.",
    "changed": "The facts that it changed, with their new values; of one agent's under `fact.agent`.",
    "fields": "The fields that were given, by name.",
    "by": "By whom or by what it was decided.",
    "outcome": "The end that was reached.",
    "world": "The name of the world.",
    "facts": "Facts by name: in a header those that the user set, else all as the episode began.",
    "Header.format": "The version of this format.",
    "Header.digest": "The hash of the world and its personas.",
    "Header.variant": "The variant of the world; null for none.",
    "Header.seed": "What all random choices follow from.",
    "Header.language": "The language in which the run was played.",
    "Header.models": "Who answered for each agent; no secrets.",
    "Header.opening": "The words with which the run opens.",
    "Header.episodes": "How many episodes the user asked for; left out where the world says it.",
    "Header.forks": "Of a fork: each fork that led to it, the oldest first; the last is its own.",
    "Fork.parent": "The run that it was taken from.",
    "Fork.trace": "The hash of the last record that it inherited, as it stands there.",
    "Fork.inherited": "How many records stand for the parent's, the header among them.",
    "Fork.at": "The turn from which on answers are new.",
    "Fork.facts": "Facts that were set just before that turn.",
    "Fork.say": "The answer of that turn, in place of a model's.",
    "Fork.seed": "What is drawn by from there on.",
    "Fork.models": "Who answers from there on, by agent; no secrets.",
    "Fork.personas": "Who is played from there on, by agent.",
    "Fork.world": "The digest of the parent's world, where this is another version of it.",
    "Recast.persona": "The name of the persona.",
    "Recast.sheet": "The whole persona.",
    "EpisodeStarted.cast": "The personas that were drawn for the episode, by agent.",
    "EpisodeStarted.opening": "The words with which this episode opens, where personas were drawn for it.",
    "ResourceNote.resource": "The name of the resource.",
    "ResourceNote.event": "What happened; what is granted at once was not requested before.",
    "ResourceNote.waiting": "How many episodes wait for it then.",
    "ResourceNote.held": "How many episodes hold it then; of a stock, how much is left.",
    "ResourceNote.waited": "Simulated minutes that were waited until then.",
    "ResourceNote.refills": "Of a stock that is refilled, how often it was to be until then, full or not.",
    "Intervention.seed": "What is drawn by from that turn on.",
    "Intervention.models": "Who answers from that turn on, by agent.",
    "Intervention.personas": "Who is played from that turn on, by agent.",
    "Intervention.say": "The answer that was given for the agent.",
    "ResumedWith.models": "Who answers from here on, of those agents alone whose model is another one.",
    "ResumedWith.kept": "The places of later answers that the models before had given.",
    "PlaceOf.purpose": "What was asked for.",
    "Header.resolved": "The whole world, its personas and lines, so that the run can be played again without them.",
    "Usage.prompt": "Tokens of the prompt.",
    "Usage.completion": "Tokens of the answer.",
    "Usage.cached": "Tokens of the prompt that the provider had seen before.",
    "Usage.is_estimated": "Whether the tokens were counted here, not by the provider.",
    "Call.purpose": "What was asked for.",
    "Call.model": "The model that answered.",
    "Call.prompt": "The first 128 bits of the SHA-256 of the messages.",
    "Call.answer": "The answer as it came.",
    "Call.usage": "The tokens of the call.",
    "Call.cost": "What the call cost, exactly; null where no price is known.",
    "Call.currency": "The currency of the cost, by its ISO code.",
    "Call.price": "What a million tokens of each kind cost.",
    "Refusal.reasons": "Why the answer was sent back.",
    "LookUp.tool": "What was asked.",
    "LookUp.result": "What came back.",
    "Selection.order": "Who may choose: the user, a model, or a function.",
    "Selection.candidates": "The agents of whom one was to be chosen.",
    "Selection.chosen": "The agent who speaks next.",
    "ActRecord.action": "The name of the action.",
    "Turn.acts": "The acts that were done, in their order.",
    "Turn.minutes": "How many simulated minutes the turn took.",
    "Turn.asked": "How many turns had been taken when the speaker was asked.",
    "BallotCounted.ballot": "The name of the vote.",
    "BallotCounted.votes": "The choice of each voter; null is an abstention.",
    "BallotCounted.missing": "Who cast no valid vote.",
    "BallotCounted.counts": "How many votes each choice had.",
    "BallotCounted.winner": "What was chosen; null for nothing.",
    "BallotCounted.tied": "The choices that had equally many.",
    "SummaryMade.how": "How the summary was made.",
    "SummaryMade.until": "Of a digest: how many of all that was said, from the first, it sums up.",
    "Transition.from": "The state that was left.",
    "Transition.to": "The state or the end that was reached.",
    "Transition.guard": "The condition that held.",
    "WarningNote.code": "The kind of the warning.",
    "WarningNote.message": "What a reader should know.",
    "EpisodeEnded.kind": "What kind of end it is, such as success or failure.",
    "EpisodeEnded.turns": "How many turns the episode took.",
    "EpisodeEnded.breach": "The rule that was broken; null if none was.",
    "RunEnded.turns": "How many turns the run took.",
    "RunEnded.outcomes": "How many episodes came to each end.",
}
"""What fields mean, by their name, or by their record's and theirs."""


def schema() -> dict[str, Any]:
    """The schema of a line of a log of today's format, or of one before it."""
    made = READER.json_schema(by_alias=True)
    del made["discriminator"]  # a word of OpenAPI, not of JSON Schema
    for model, part in made["$defs"].items():
        part["description"] = " ".join(part["description"].replace("``", "`").split())
        for name, field in part["properties"].items():
            field.pop("title", None)
            if words := WORDS.get(f"{model}.{name}", WORDS.get(name)):
                field["description"] = words
        if "seq" in part["properties"]:
            part["required"] = sorted({*part["required"], "hash"}, key=list(part["properties"]).index)
            part["properties"]["hash"] |= {"pattern": "^[0-9a-f]{64}$"}
            part["properties"]["hash"].pop("default", None)
    made["$defs"]["Header"]["properties"]["format"] |= {"minimum": 1, "maximum": FORMAT}
    return {
        "$schema": DIALECT,
        "title": "A record of a run log",
        "description": f"Each line of a run log of format {FORMAT} is one of these; the first is a header.",
        **made,
    }
