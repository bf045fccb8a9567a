"""Pictures that come as links."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from demo_calls import new_relay, png
from faultserver import FaultServer, Send, json_answer, response
from now_jupyter._messages import LinkExpiredError, MaybeBilledError
from now_jupyter._values import Status
from workshop import Workshop, item, perform, resume, workshop

if TYPE_CHECKING:
    import pytest


class Links:
    """Answers an order by four links; a dead one comes back to life."""

    def __init__(self, server: FaultServer, *, dead: set[int]) -> None:
        self.dead = dead
        self.server = server
        server.script(lambda _: [Send(json_answer({"data": [{"url": f"{server.url}/{n}.png"} for n in range(4)]}))])
        for number in range(4):
            server.script(lambda _, n=number: self._picture(n), path=f"/{number}.png")

    def _picture(self, number: int) -> list[Send]:
        if number in self.dead:
            return [Send(response(410))]
        return [Send(response(200, png(colour=(number, 0, 0)), headers={"Content-Type": "image/png"}))]


class LastOneSlow(Links):
    """Gives the last picture when the record on the disk names all others, or after half a minute."""

    def __init__(self, server: FaultServer, shop: Workshop) -> None:
        super().__init__(server, dead=set())
        self._shop = shop
        self.here: list[bool] = []

    def _picture(self, number: int) -> list[Send]:
        end = time.monotonic() + 30
        while number == 3 and sum(self.here) < 3 and time.monotonic() < end:
            self.here = [one.is_here for one in self._shop.record().outputs]
            time.sleep(0.001)
        return super()._picture(number)


def test_one_dead_link_of_four_leaves_a_partial_that_resume_completes(tmp_path: Path) -> None:
    """D5: three are saved at once; the fourth is fetched when its link works again, and nothing is posted for it."""
    with FaultServer() as server:
        links = Links(server, dead={2})
        shop = workshop(tmp_path, url=server.url)
        first = perform(shop, shop.claimed(n=4))
        assert (first.record.status, first.error, len(shop.pictures)) == (Status.PARTIAL, None, 3)
        assert [bool(one.sources) for one in first.record.outputs] == [False, False, True, False]
        links.dead.clear()
        server.seen.clear()
        shop = workshop(tmp_path, url=server.url)
        second = resume(shop)
        assert [one.path for one in server.seen] == ["/2.png"]
    assert (second.record.status, second.record.error, len(shop.pictures)) == (Status.DONE, None, 4)
    assert shop.store.answer(1) is None


def test_dead_links_alone_are_a_partial_order_that_was_billed(tmp_path: Path) -> None:
    """All downloads fail: billed yes, resumable, and the error says how."""
    with FaultServer() as server:
        Links(server, dead={0, 1, 2, 3})
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed(n=4))
    assert isinstance(done.error, LinkExpiredError)
    assert "%now resume" in done.error.next_step()
    assert (done.record.status, done.record.billed) == (Status.PARTIAL, "yes")
    assert done.record.error is not None
    assert done.record.error.type == "LinkExpiredError"


def test_links_are_fetched_again_without_the_answer(tmp_path: Path) -> None:
    """The record alone is enough to fetch what is missing."""
    with FaultServer() as server:
        links = Links(server, dead={0, 3})
        shop = workshop(tmp_path, url=server.url)
        perform(shop, shop.claimed(n=4))
        shop.store.drop_answer(1)
        links.dead.clear()
        shop = workshop(tmp_path, url=server.url)
        done = resume(shop)
        assert server.posts == 1
    assert (done.record.status, len(shop.pictures)) == (Status.DONE, 4)


def test_what_came_is_written_down_while_more_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One link is slow: the record on the disk names the other three, and the answer is flushed, before it gives."""
    monkeypatch.setattr("now_jupyter._runner._run._MOMENT", 0.01)
    flushed: list[str] = []
    monkeypatch.setattr("now_jupyter._store._answers.sync_file", lambda path: flushed.append(path.name))
    with FaultServer() as server:
        shop = workshop(tmp_path, url=server.url)
        links = LastOneSlow(server, shop)
        done = perform(shop, shop.claimed(n=4))
    assert links.here == [True, True, True, False]
    assert flushed == ["1"]
    assert (done.record.status, len(shop.pictures)) == (Status.DONE, 4)


def test_a_picture_that_no_record_names_is_found_when_its_link_is_dead(tmp_path: Path) -> None:
    """Killed between the pictures and the record that names them: what is here needs no link."""
    with FaultServer() as server:
        links = Links(server, dead={3})
        shop = workshop(tmp_path, url=server.url)
        sold = shop.claimed(n=4).about_to_go(1.0)
        perform(shop, sold)
        links.dead |= {0, 1, 2}
        shop = workshop(tmp_path, url=server.url)
        shop.store.write(replace(sold, status=Status.PENDING))
        done = resume(shop)
        assert server.posts == 1
    assert [one.file for one in done.record.outputs if one.is_here] == sorted(path.name for path in shop.pictures)
    assert (done.record.status, len(shop.pictures)) == (Status.PARTIAL, 3)


def test_an_answer_on_disk_is_enough_to_resume(tmp_path: Path) -> None:
    """Killed between the answer and its pictures: `resume` takes them from the raw answer, and asks nobody."""
    relay = new_relay()
    shop = workshop(tmp_path, relay=relay)
    record = shop.claimed()
    shop.store.write(replace(record, status=Status.RUNNING, billed="maybe"))
    with_answer(shop, {"data": [item(png())]})
    done = resume(shop)
    assert (done.record.status, done.record.billed, len(shop.pictures)) == (Status.DONE, "yes", 1)
    assert relay.ledger == ()


def with_answer(shop: Workshop, body: object) -> None:
    answer = shop.store.open_answer(1)
    answer.begin({"status": 200, "content_type": "application/json"})
    answer.write(json.dumps(body).encode())
    answer.finish()


def test_what_left_nothing_behind_cannot_be_resumed(tmp_path: Path) -> None:
    """No answer, no task, no links: it stays unknown, and the message says so."""
    shop = workshop(tmp_path, relay=new_relay())
    shop.store.write(replace(shop.claimed(), status=Status.UNKNOWN, billed="maybe"))
    done = resume(shop)
    assert isinstance(done.error, MaybeBilledError)
    assert (done.record.status, done.record.billed) == (Status.UNKNOWN, "maybe")
