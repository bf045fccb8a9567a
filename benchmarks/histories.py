"""Long histories, written as files: what a few real orders left, over and over under other numbers and prompts."""

from __future__ import annotations

import json
import os
import random
import uuid
from pathlib import Path

from now_jupyter import Session
from relay import Relay

__all__ = ["RARE", "write_history"]

RARE = "zeppelin"
"""A word that one prompt in a hundred has."""
_SEEDS = 12
_FIRST = 1_700_000_000.0  # the time of the oldest record
_COLOURS = ("amber", "cobalt", "copper", "coral", "crystal", "golden", "indigo", "ivory", "jade", "opal", "ruby")
_PLACES = ("barn", "bay", "canyon", "dune", "fjord", "glacier", "harbour", "lagoon", "meadow", "orchard", "reef")
_THINGS = ("bridge", "castle", "crane", "fox", "heron", "lantern", "lynx", "otter", "pagoda", "raven", "tower")


def write_history(folder: Path, count: int, relay: Relay) -> Path:
    """Write `bench.now` below `folder` with so many records, each with a picture of its own; give its path."""
    history = folder / "bench.now"
    made = _order(history, min(count, _SEEDS), relay)
    chance = random.Random(count)
    for number in range(1, count + 1):
        _write(history, number, made[number % len(made)], chance)
    return history


def _order(history: Path, count: int, relay: Relay) -> list[dict[str, object]]:
    with_seeds = Session(folder=history, base_url=relay.base_url)
    try:
        for number in range(count):
            with_seeds.generate(f"seed {number}", model="gpt-image-2")
    finally:
        with_seeds.close()
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((history / "jobs").glob("*.json"))]
    for record in records:  # the files of the others are links to these
        name = record["outputs"][0]["file"]
        (history / "pictures" / name).rename(history.parent / name)
    return records


def _write(history: Path, number: int, seed: dict[str, object], chance: random.Random) -> None:
    words = [chance.choice(some) for some in (_COLOURS, _THINGS, _COLOURS, _PLACES)]
    prompt = "a {} {} beside a {} {} in fresh snow, evening light, 35 mm, soft shadows".format(*words)
    if number % 100 == 0:
        prompt += f", a {RARE} in the sky"
    output = dict(seed["outputs"][0])  # type: ignore[index]  # a list in every record
    kept, output["file"] = output["file"], f"{number}-{'-'.join(words[:3])}.png"
    identity = uuid.UUID(int=chance.getrandbits(128), version=4).hex
    record = seed | {
        "id": identity,
        "idempotency_key": identity,
        "number": number,
        "created": _FIRST + 60 * number,
        "request": {"model": "gpt-image-2", "prompt": prompt},
        "outputs": [output],
    }
    os.link(history.parent / kept, history / "pictures" / output["file"])
    (history / "jobs" / f"{number}.json").write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
