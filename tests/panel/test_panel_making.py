"""A click on "Generate", without a kernel: what is ordered, asked and told."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

import panels
from now_jupyter._messages._errors import InputError, MaybeBilledError
from now_jupyter._panel._draft import order_from, read_draft
from now_jupyter._session import Session
from now_jupyter._values import Status
from panels import Wire, draft


def test_generate_makes_a_picture_and_tells_of_it(wire: Wire, session: Session) -> None:
    """A click becomes one generation; its row and its thumbnail are told without being asked for."""
    wire.order(draft(options={"size": "16:9"}))
    done = wire.wait_for(lambda one: one.content.get("event") == "changed" and one.content["row"]["status"] == "done")
    assert done.content["row"]["number"] == 1
    assert wire.event("thumb", number=1, output=1).buffers[0].startswith(b"\xff\xd8")
    assert session.history["#1"].params == {"size": "16:9"}


def test_generate_never_reuses(wire: Wire, session: Session) -> None:
    """An equal picture in the history does not answer a click, whatever `Now.reuse` says."""
    session.generate("a red fox")
    wire.order(draft())
    wire.until(lambda: len(session.history) == 2 and session.history[-1].status is Status.DONE)


def test_a_double_click_buys_once(wire: Wire, session: Session) -> None:
    """Two messages of one double click, even when the kernel was busy between them, make one order."""
    assert "job" in wire.order(draft(), at=1000.0).content
    assert wire.order(draft(), at=1300.0).content["repeat"] is True
    wire.until(lambda: not session.jobs())
    assert len(session.history) == 1


def test_the_same_message_twice_buys_once(wire: Wire, session: Session) -> None:
    """A message that is delivered again makes nothing."""
    message = {"id": "one", "action": "generate", "draft": draft(), "at": 0.0, "agreed": []}
    wire.message(message)
    wire.message({**message, "at": 9e9})
    wire.wait_for(lambda one: one.content.get("re") == "one" and one.content.get("repeat") is True)
    wire.until(lambda: not session.jobs())
    assert len(session.history) == 1


def test_a_second_click_later_buys_again(wire: Wire, session: Session) -> None:
    """Whoever clicks again after a while wants another picture."""
    wire.order(draft(), at=1000.0)
    assert "job" in wire.order(draft(), at=5000.0).content
    wire.until(lambda: len(session.history) == 2)


def test_an_unsettled_equal_order_asks_for_the_users_word(wire: Wire, session: Session) -> None:
    """What may have been billed is not settled by a click: the panel asks, and only the agreed word orders again."""
    session.generate("a red fox")
    store = session.context.home().store
    store.write(replace(store.read(1), status=Status.UNKNOWN, billed="maybe"))
    asked = wire.order(draft()).content["ask"]
    assert "#1" in asked["lines"][0]
    assert any("billed: maybe" in line for line in asked["lines"])
    assert not store.read(1).settled
    assert len(session.history) == 1
    assert "job" in wire.order(draft(), at=9000.0, agreed=asked["agree"]).content
    wire.until(lambda: len(session.history) == 2)


def test_an_unsettled_order_that_appears_after_the_question_is_not_settled(wire: Wire, session: Session) -> None:
    """The user's word is for what the question named; another kernel's order of the same stays open."""
    session.generate("a red fox")
    session.generate("a red fox", reuse=False)
    store = session.context.home().store
    store.write(replace(store.read(1), status=Status.UNKNOWN, billed="maybe"))
    agreed = wire.order(draft()).content["ask"]["agree"]
    order = replace(order_from(read_draft(draft())), settles=frozenset(agreed))
    store.write(replace(store.read(2), status=Status.UNKNOWN, billed="maybe"))
    with pytest.raises(MaybeBilledError, match="#2 is the same order"):
        session.place(order).result(10)
    assert not store.read(1).settled
    assert not store.read(2).settled
    assert len(session.history) == 2


def test_the_parts_of_a_split_order_are_looked_at_one_by_one(wire: Wire, session: Session) -> None:
    """An equal order of one picture stands before one of two where the model takes one per request."""
    session.generate("a red fox", model="dall-e-3")
    store = session.context.home().store
    form = draft(model="dall-e-3", options={"n": "2"})
    one = session.generate("a red fox", model="dall-e-3", n=2, reuse=False)
    part = store.read(int(one.parts[0].ref.removeprefix("#")))
    store.write(replace(part, status=Status.UNKNOWN, billed="maybe"))
    asked = wire.order(form).content["ask"]
    assert part.ref in asked["lines"][0]
    assert "job" in wire.order(form, at=9000.0, agreed=asked["agree"]).content
    wire.until(lambda: len(session.history) == 5)


def test_errors_are_told_in_the_words_of_a_cell(wire: Wire, session: Session) -> None:
    """A refused draft answers with the lines that a cell would show; nothing is recorded."""
    lines = wire.order(draft(prompt=" ")).content["error"]["lines"]
    with pytest.raises(InputError) as error:
        session.submit(" ")
    assert lines == error.value.lines()
    assert len(session.history) == 0


def test_a_failed_order_shows_in_the_panel_until_it_is_put_away(wire: Wire, session: Session) -> None:
    """The relay's refusal appears with billed, number and advice; "Dismiss" takes it away."""
    wire.order(draft(params=[["demo", '{"code": "content_policy_violation"}']]))
    wire.until(lambda: [job["state"] for job in wire.widget.jobs] == ["failed"])
    lines = wire.widget.jobs[0]["lines"]
    assert lines[0].startswith("RejectedError")
    assert "#1" in lines[1]
    wire.ask("dismiss", job=wire.widget.jobs[0]["key"])
    wire.until(lambda: wire.widget.jobs == [])


@pytest.mark.slow
def test_a_running_job_shows_and_stop_waiting_leaves_it_alone(tmp_path: Path) -> None:
    """What runs, in a cell or here, is told with its progress and unfinished picture; stopping hides it, it arrives."""
    with panels.quiet_session(tmp_path) as session:
        session.use_demo(on=True)
        with panels.opened(session) as wire:
            job = session.submit("a slow whale", params={"demo": {"latency": 1.5}})
            wire.event("partial")
            wire.until(lambda: wire.widget.jobs and wire.widget.jobs[0]["sent"])
            assert wire.ask("stop", job=wire.widget.jobs[0]["key"]).content["cancelled"] is False
            wire.until(lambda: wire.widget.jobs == [])
            assert not job.done()
            job.wait_until_over()
            assert session.history[-1].status is Status.DONE


def test_a_click_never_blocks_its_thread(wire: Wire, session: Session) -> None:
    """The thread that brings a message is free at once, although the answer needs the disk and the relay."""
    lock = threading.Event()
    wire.widget.have("files", lock.wait)
    wire.message({"id": "x", "action": "find"})  # or it would wait here for what only comes below
    lock.set()
    wire.wait_for(lambda one: one.content.get("re") == "x")


def test_the_price_and_the_controls_of_the_next_click(wire: Wire) -> None:
    """A quote names the model, what it takes, and why a setting does not apply."""
    answer = wire.ask("quote", draft=draft(model="dall-e-3")).content
    assert answer["controls"]["style"] == {"values": ["vivid", "natural"], "why": ""}
    assert answer["controls"]["background"]["why"] == "not known for dall-e-3"
    assert answer["demo"] is True
    assert wire.ask("quote", draft=draft("", model="dall-e-3")).content["controls"] == answer["controls"]
