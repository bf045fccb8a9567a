"""The order of things, and what goes wrong with one call."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from demo_calls import new_relay, png
from faultserver import FaultServer, Send, json_answer
from now_jupyter._messages import BadImageError, RejectedError
from now_jupyter._values import Status
from relays import Watching
from workshop import item, perform, workshop


def test_the_intent_is_on_disk_before_the_relay_sees_a_byte(tmp_path: Path) -> None:
    """When the request reaches the relay, its record says on disk that it may have been billed."""
    seen: list[dict[str, Any]] = []
    shop = workshop(tmp_path)

    def look(_request: object) -> list[Send]:
        seen.append(json.loads((shop.store.folder / "jobs" / "1.json").read_text()))
        return [Send(json_answer({"data": [item(png())]}))]

    with FaultServer() as server:
        server.script(look)
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed())
    assert [(one["billed"], one["status"]) for one in seen] == [("maybe", "running")]
    assert seen[0]["idempotency_key"] == server.seen[0].headers["idempotency-key"]
    assert (done.record.billed, done.record.status, server.posts) == ("yes", Status.DONE, 1)


def test_an_order_under_way_says_maybe_billed(tmp_path: Path) -> None:
    """Whoever looks on, is told of "maybe" before anything comes back, and of "yes" only then."""
    shop, watch = workshop(tmp_path, relay=new_relay()), Watching()
    perform(shop, shop.claimed(), watch=watch)
    words = [record.billed for record in watch.records]
    assert (words[0], words[-1]) == ("maybe", "yes")
    assert "no" not in words


def test_the_answer_is_kept_until_its_pictures_are_safe(tmp_path: Path) -> None:
    """While a picture is still missing the raw answer lies on disk; with the last one it goes."""
    shop = workshop(tmp_path, relay=new_relay())
    kept: list[bool] = []
    watch = Watching(at_change=lambda record: kept.append(bool(record.outputs) and shop.store.answer(1) is not None))
    perform(shop, shop.claimed(), watch=watch)
    assert any(kept)
    assert shop.store.answer(1) is None
    assert len(shop.pictures) == 1


def test_every_attempt_is_recorded(tmp_path: Path) -> None:
    """Two that were refused for their rate and the one that went well stand in the record, in their order."""
    with FaultServer() as server:
        busy = json_answer({"error": {"code": "rate_limit_exceeded", "message": "slow"}}, status=429)
        server.script([Send(busy)], [Send(busy)], [Send(json_answer({"data": [item(png())]}))])
        shop = workshop(tmp_path, url=server.url)
        perform(shop, shop.claimed())
    attempts = shop.record().attempts
    assert [(one.phase, one.status, one.error) for one in attempts] == [
        ("answering", 429, "RateLimitError"),
        ("answering", 429, "RateLimitError"),
        ("answered", 200, None),
    ]


def test_attempts_that_found_no_connection_are_recorded_too(tmp_path: Path) -> None:
    """A failed connection is an attempt; the bare intent beside it is none."""
    with FaultServer() as server:
        url = server.url
    shop = workshop(tmp_path, url=url)
    done = perform(shop, shop.claimed())
    record = shop.record()
    assert [(one.phase, one.error) for one in record.attempts] == [("connecting", "ConnectFailed")] * 3
    assert (record.status, record.billed, done.error and done.error.billed) == (Status.FAILED, "no", "no")


def test_a_refusal_is_not_billed(tmp_path: Path) -> None:
    """A known refusal ends as failed, billed no."""
    relay = new_relay()
    shop = workshop(tmp_path, relay=relay)
    done = perform(shop, shop.claimed(demo={"code": "content_policy_violation"}))
    assert isinstance(done.error, RejectedError)
    assert (done.record.status, done.record.billed) == (Status.FAILED, "no")
    assert shop.record() == done.record
    assert len(relay.ledger) == 1


@pytest.mark.parametrize("fault", ["cut", "reset", "html", "empty", "no_picture"])
def test_an_answer_that_cannot_be_used_leaves_the_order_unknown(fault: str, tmp_path: Path) -> None:
    """Nothing is sent again; the record says maybe, and what came is kept raw."""
    relay = new_relay()
    shop = workshop(tmp_path, relay=relay)
    done = perform(shop, shop.claimed(demo={"fault": fault}))
    assert (shop.record().status, shop.record().billed) == (Status.UNKNOWN, "maybe")
    assert done.error is not None
    assert done.error.billed == "maybe"
    assert len(relay.ledger) == 1
    kept = shop.store.answer(1)
    assert (kept is None) == (fault == "reset")
    assert kept is None or fault == "empty" or b"".join(kept.pieces())


def test_a_broken_item_goes_to_quarantine_and_the_others_are_kept(tmp_path: Path) -> None:
    """B4: of three base64 items one is broken and one is no picture: one is saved, two are set aside, all kept raw."""
    broken = {"b64_json": "!!!" + base64.b64encode(png()).decode()}
    with FaultServer() as server:
        server.script([Send(json_answer({"data": [item(png()), broken, item(b"<html>")]}))])
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed(n=3))
    assert (done.record.status, done.record.billed, done.error) == (Status.PARTIAL, "yes", None)
    assert [bool(one.sha256) for one in done.record.outputs] == [True, False, False]
    assert len([one for one in (shop.store.folder / "quarantine").iterdir() if one.suffix != ".why"]) == 2
    assert shop.store.answer(1) is not None


def test_when_nothing_of_an_answer_is_a_picture_the_error_says_billed_yes(tmp_path: Path) -> None:
    """All items broken: partial, billed yes, and an error of the right class."""
    with FaultServer() as server:
        server.script([Send(json_answer({"data": [item(b"<html>")]}))])
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed())
    assert isinstance(done.error, BadImageError)
    assert (done.record.status, done.error.billed) == (Status.PARTIAL, "yes")
