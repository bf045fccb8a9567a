"""Whatever a service says of what a relay said: the record is written, is read back equal, and nothing raises."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from absurd import ABSURD, bounded_types, sound
from demo_calls import png
from faultserver import FaultServer, Send, response
from now_jupyter._messages import NowImageError
from now_jupyter._protocol import Base64, Checkpoint, Conversation, Found, Link, Outcome, Poll, Step
from now_jupyter._store import Record
from relays import Watching
from task_service import TaskService
from workshop import TASKS, Workshop, item, workshop

STEPS = [kind for kind in bounded_types() if (issubclass(kind, Step) and kind is not Poll) or kind is Outcome]
PICTURE = Base64(item(png())["b64_json"])


class Says(TaskService):
    """A service whose relay said absurd things."""

    def __init__(self, steps: list[Step[Any]], outcome: Outcome) -> None:
        self.steps, self.outcome = steps, outcome

    def resume(self, state: Any) -> Conversation[Outcome]:  # noqa: ARG002 - as a service has it
        for step in self.steps:
            yield from step
        return self.outcome


def heard(shop: Workshop, steps: list[Step[Any]], outcome: Outcome | None = None) -> Record:
    """The record of an order after a conversation, as it lies on the disk; equal to what was known in memory."""
    record = replace(shop.claimed(service=TASKS), state={"task": "1"}, billed="yes", expected=len(steps))
    shop.store.write(record)
    result = anyio.run(shop.runner.resume, record, Says(steps, outcome or Outcome()), Watching())
    assert result.error is None or isinstance(result.error, NowImageError)
    assert not result.error or len(str(result.error)) < 3000
    kept = shop.record(record.number)
    assert kept == result.record
    return kept


@pytest.mark.parametrize("kind", STEPS, ids=lambda kind: kind.__name__)
@pytest.mark.slow
def test_any_field_of_any_step_may_hold_anything(kind: type, tmp_path: Path) -> None:
    """Each field of each step, and of the outcome, may hold anything: what is known is on the disk all the same."""
    shop, whole = workshop(tmp_path), sound(kind)
    for one in fields(kind):
        if kind is Outcome:
            for absurd in ABSURD.values():
                heard(shop, [], replace(whole, **{one.name: absurd}))
            continue
        steps = [replace(whole, **{one.name: absurd}) for absurd in ABSURD.values()]
        if kind is Found:
            own = {} if one.name == "sources" else {"sources": (PICTURE,)}
            keys = [{} if one.name == "key" else {"key": str(at)} for at in range(len(steps))]
            steps = [replace(step, kind="picture", **own, **key) for step, key in zip(steps, keys, strict=True)]
        kept = heard(shop, steps)
        if kind is Found and one.name not in ("key", "sources", "kind"):
            assert len(kept.outputs) == len(steps)
            assert all(output.is_here for output in kept.outputs)


@pytest.mark.slow
def test_megabytes_in_every_field_do_not_keep_the_record_from_being_written(tmp_path: Path) -> None:
    """2 MB of revised prompt, 6 MB of usage, a link of 5 MB, 1,200 items: the cell says what the record says."""
    shop = workshop(tmp_path)
    about = {"revised_prompt": "狐" * 700_000, **{str(at): "y" * 1000 for at in range(2000)}}
    dead = [Found(key=f"link {at}", sources=(Link("https://" + "a" * 5_000_000),) * 9, about=about) for at in range(3)]
    many = [Found(key=str(at), sources=(PICTURE,), about=about, handle=about) for at in range(40)]
    outcome = Outcome(usage={str(at): "z" * 1000 for at in range(6000)}, expected=1200, needs="n" * 10**6)
    kept = heard(shop, [*dead, *many, Checkpoint(state={**about, "task": "9"})], outcome)
    assert kept.state
    assert len(kept.outputs) == len(dead) + len(many)
    assert sum(one.is_here for one in kept.outputs) == len(many)
    assert (shop.store.folder / "jobs" / "1.json").stat().st_size < 2 << 20


def test_one_picture_ordered_is_never_1200(tmp_path: Path) -> None:
    """An answer may hold twice what was ordered and sixteen more: what is beyond that is neither saved nor fetched."""
    with FaultServer() as server:
        server.script([Send(response(404))], path="/gone.png")
        shop = workshop(tmp_path, url=server.url)
        links = [Found(key=str(at), sources=(Link(f"{server.url}/gone.png?{at}"),)) for at in range(200)]
        record = replace(shop.claimed(service=TASKS), state={"task": "1"}, billed="yes")
        shop.store.write(record)
        result = anyio.run(shop.runner.resume, record, Says(links, Outcome()), Watching())
        assert len(result.record.outputs) == 18
        assert len(server.seen) <= 18 * 4
