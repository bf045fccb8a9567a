"""Making pictures, and asking before paying."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_state_path

from buying import slow, until
from now_jupyter._ipython._reports import rehearsal_text
from now_jupyter._messages import InputError, Interrupted, NowImageError, StoreError, TaskStillPending
from now_jupyter._options import parse_keywords
from now_jupyter._orders import order_of
from now_jupyter._session import Session
from now_jupyter._store import Record, Store
from now_jupyter._values import Picture, Status
from relays import Served, new_session


def test_generate_gives_the_picture_and_keeps_it(session: Session) -> None:
    """One call, one picture: in the folder, in the history, with model and cost."""
    generation = session.generate("a fox", size="16:9")
    (picture,) = generation.pictures
    assert picture.bytes() == picture.path.read_bytes()
    assert (generation.ref, generation.model, generation.billed) == ("#1", "gpt-image-2", "yes")
    assert str(generation.cost) == "~$0.0400"
    assert session.history[-1] == generation


@pytest.mark.parametrize(
    ("model", "partials", "is_told"),
    [("gpt-image-2", None, True), ("gpt-image-2", 0, False), ("dall-e-2", None, False)],
)
def test_who_waits_is_told_how_to_see_unfinished_pictures(
    model: str, partials: int | None, is_told: bool, served: Served, tmp_path: Path
) -> None:
    """Where the model streams and nobody has decided whether that is wanted."""
    with new_session(tmp_path, served.url, typed=lambda: {"partial_images": partials}) as session:
        job = session.submit("a fox", model=model, size="1024x1024")
        job.result(30)
    assert job.hint == ""
    job.began -= 60.0  # whoever has waited long
    assert ("Now.partial_images" in job.hint) == is_told


@pytest.mark.parametrize("name", ["nothing.png", "pics/fox", "~/fox.jpeg"])
def test_a_file_that_is_not_there_is_named_as_one(name: str, session: Session, served: Served) -> None:
    """What looks like a file's name is not looked for in the history."""
    with pytest.raises(InputError, match=f"there is no file {name}"):
        session.generate("a fox", image=name)
    assert served.posts == 0


def test_what_the_history_has_in_part_is_completed(served: Served, tmp_path: Path) -> None:
    """What is missing is bought, no answer is given twice, and the caption tells which is which."""
    with new_session(tmp_path, served.url) as session:
        session.generate("a fox", model="dall-e-3", n=2)
        session.trash("#2")
        assert served.posts == 2
    with new_session(tmp_path, served.url) as session:
        job = session.submit("a fox", model="dall-e-3", n=2, reuse=True)
        made = job.result(30)
        assert (served.posts, [one.ref for one in made.parts]) == (3, ["#1", "#3"])
        assert len({one.sha256 for one in made.pictures}) == 2
        assert (made.origin, job.notes[0]) == ("bought", "from history #1")
        again = session.generate("a fox", model="dall-e-3", n=2, reuse=True)
        assert (served.posts, again.origin) == (3, "history")
    with new_session(tmp_path, served.url) as session:
        job = session.submit("a fox", model="dall-e-3", n=2)
        assert (job.result(30).origin, job.notes, served.posts) == ("history", ["run again for new ones"], 3)


def test_agenerate_does_not_hold_up_the_callers_loop(session: Session) -> None:
    """While the picture is made, the user's own tasks go on."""

    async def both() -> tuple[str, int]:
        job = asyncio.create_task(session.agenerate("a fox", **slow()))
        turns = 0
        while not job.done():
            turns += 1
            await asyncio.sleep(0.01)
        return (await job).ref, turns

    ref, turns = asyncio.run(both())
    assert ref == "#1"
    assert turns > 10


def test_a_job_may_be_awaited(session: Session) -> None:
    """`await job` from the user's loop."""

    async def wait() -> str:
        return (await session.submit("a fox")).ref

    assert asyncio.run(wait()) == "#1"


@pytest.mark.slow
def test_a_time_limit_frees_the_caller_and_not_the_job(session: Session) -> None:
    """`timeout` ends the wait; the picture arrives in the history."""
    session.generate("warm up")
    with pytest.raises(TaskStillPending, match="#2 goes on"):
        session.generate("a fox", timeout=1, **slow(3))
    session.wait()
    assert session.history["#2"].status is Status.DONE


def test_stop_waiting_frees_the_waiter(session: Session, served: Served) -> None:
    """From another thread; what was ordered goes on, and the error says maybe billed."""
    job = session.submit("a fox", **slow())
    until(lambda: job.is_sent)
    threading.Timer(0.05, job.stop_waiting).start()
    with pytest.raises(TaskStillPending) as caught:
        job.result()
    assert caught.value.billed == "maybe"
    assert job.result().status is Status.DONE
    assert served.posts == 1


def test_cancelling_before_it_is_sent_sends_nothing(session: Session, served: Served) -> None:
    """One at a time: the second order waits for its turn and can be taken back."""
    session.generate("warm up")
    session.context._configuration.override(max_concurrency=1)
    first = session.submit("a fox", **slow())
    until(lambda: first.is_sent)
    second = session.submit("a hare")
    until(lambda: second.records)
    with pytest.raises(TaskStillPending) as caught:
        second.result(0.01)
    assert "billed" not in str(caught.value)  # it will be, when it is sent
    assert second.cancel()
    with pytest.raises(Interrupted, match="nothing was sent"):
        second.result(10)
    assert not first.cancel()
    first.result(10)
    assert session.history["#3"].status is Status.CANCELLED
    assert session.context.home().store.read(3).status is Status.CANCELLED
    assert served.posts == 2


def test_a_cancel_that_comes_too_late_changes_nothing(session: Session, served: Served) -> None:
    """Taken back in the very moment in which it was sent: the picture arrives, and nobody says "nothing was sent"."""
    job = session.submit("a fox", **slow(0.3))
    until(lambda: job.is_sent)
    assert job._scope is not None
    session._background.soon(job._scope.cancel)
    assert job.result(10).status is Status.DONE
    assert served.posts == 1


def test_many_pictures_of_a_model_that_makes_one_at_a_time(session: Session, served: Served) -> None:
    """`n=4` with dall-e-3 is four requests, counted and shown as one generation."""
    whole = session.generate("a fox", model="dall-e-3", n=4)
    assert (whole.ref, len(whole.pictures), len(whole.parts)) == ("#1–#4", 4, 4)
    assert str(whole.cost) == "~$0.16"
    assert served.posts == 4


def test_the_default_model_is_asked_for_once_and_remembered_for_the_user(served: Served, tmp_path: Path) -> None:
    """The next kernel goes by what is remembered, without asking; it holds no address, the folder nothing."""
    for prompt in ("a fox", "a hare"):
        with new_session(tmp_path, served.url) as one:
            assert one.generate(prompt).model == "gpt-image-2"
    assert served.count("/v1/models") == 1
    memory = (user_state_path("now_jupyter") / "relays.json").read_text()
    assert "127.0.0.1" not in memory
    assert [one["model"] for one in json.loads(memory).values()] == ["gpt-image-2"]
    in_folder = [path for path in (tmp_path / "untitled.now").rglob("*") if path.is_file()]
    assert not [path for path in in_folder if "model" in path.name]


@pytest.mark.parametrize(
    ("asked", "n", "files", "said"),
    [
        ("fox.png", 1, ["fox.png"], "fox.png"),
        ("fox.png", 2, ["fox-1.png", "fox-2.png"], "fox-1.png … fox-2.png"),
        ("fox", 2, ["fox-1.png", "fox-2.png"], "fox-1.png … fox-2.png"),
        ("pics/", 2, ["pics/1-fox.png", "pics/1.2-fox.png"], "pics/1-fox.png … 1.2-fox.png"),
        ("there", 1, ["there/1-fox.png"], "there/1-fox.png"),
        ("fox.gif", 1, ["fox.png"], "fox.png"),
    ],
)
def test_saving_writes_the_pictures_there(
    asked: str, n: int, files: list[str], said: str, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder gets their own names, several a number each, and the caption says what was written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    job = session.submit("a fox", n=n, save=asked)
    job.result(30)
    shutil.rmtree(session.context.home().store.folder)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == files
    assert f"saved as {said}" in job.notes


def test_saving_overwrites_nothing(session: Session, tmp_path: Path) -> None:
    """A new picture gets the next free name; served from the history, the same file is there already."""
    path = tmp_path / "fox.png"
    for _ in range(2):
        session.generate("a fox", save=path, fresh=True)
    assert [one.name for one in sorted(tmp_path.glob("fox*.png"))] == ["fox-2.png", "fox.png"]
    before = path.read_bytes()
    job = session.submit("a fox", save=path, reuse=True)
    job.result(30)
    assert job.notes == [f"saved as {tmp_path / 'fox-2.png'}"]
    assert path.read_bytes() == before
    assert len(list(tmp_path.glob("fox*.png"))) == 2


def test_a_generation_saves_all_its_outputs(session: Session, tmp_path: Path) -> None:
    """As a picture does, with a number each; it overwrites where it is asked to."""
    made = session.generate("a fox", n=2)
    assert made.save(f"{tmp_path}/in/") == [tmp_path / "in" / "1-fox.png", tmp_path / "in" / "1.2-fox.png"]
    (tmp_path / "fox-1.png").touch()
    assert [path.name for path in made.save(tmp_path / "fox")] == ["fox-1-2.png", "fox-2.png"]
    assert [path.name for path in made.save(tmp_path / "fox", overwrite=True)] == ["fox-1.png", "fox-2.png"]


def test_a_copy_that_fails_after_all_fails_no_order(session: Session, served: Served, tmp_path: Path) -> None:
    """The picture is here and returned; a note says why there is no copy, and a program is warned."""
    served.relay.look = lambda _: (tmp_path / "new").touch()
    with pytest.warns(UserWarning, match="was not written: a part of its path is a file"):
        assert session.generate("a fox", save=tmp_path / "new" / "fox.png").pictures[0].bytes()


def test_what_is_asked_wrongly_is_refused_at_once(session: Session, served: Served) -> None:
    """An input error is raised by the call itself; nothing is recorded."""
    with pytest.raises(InputError):
        session.submit("a fox", sise="1:1")
    assert (len(session.history), served.posts) == (0, 0)


def test_several_claims_are_given_back_when_one_fails(session: Session, served: Served) -> None:
    """The second number cannot be claimed: the first is cancelled, its hold is gone, nothing is sent."""
    store, claims = session.context.home().store, iter([True])
    claim = store.claim_each

    def only_once(records: Any) -> Any:
        if next(claims, False):
            return claim(records)
        raise NowImageError("no more numbers")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "claim_each", only_once)
        with pytest.raises(NowImageError, match="no more numbers"):
            session.generate("a fox", model="dall-e-3", n=2)
    assert [one.status for one in session.history] == [Status.CANCELLED]
    assert not store.is_held(1)
    assert served.posts == 0
    assert session.generate("a fox", model="dall-e-3").ref == "#2"


def test_an_expected_price_over_the_limit_needs_the_users_word(served: Served, tmp_path: Path) -> None:
    """`confirm_over` stops it before anything is recorded; `yes` orders it."""
    with new_session(tmp_path, served.url, typed=lambda: {"confirm_over": 0.05}) as session:
        with pytest.raises(InputError, match=r"~\$0\.0800"):
            session.generate("a fox", n=2)
        assert (len(session.history), served.posts) == (0, 0)
        assert session.generate("a fox").billed == "yes"
        assert session.generate("a fox", n=2, yes=True).billed == "yes"


def test_rehearsing_sends_no_paid_call(session: Session, served: Served) -> None:
    """The bodies, the price and the balance after it, from free questions alone."""
    order = order_of(parse_keywords("a fox", {"model": "dall-e-3", "n": 2, "size": "16:9"}))
    rehearsal = session.rehearse(order)
    assert [call.body["size"] for call in rehearsal.calls] == ["1792x1024"] * 2
    assert str(rehearsal.price) == "~$0.16"
    assert "balance after it: $99.84" in rehearsal_text(session, order)
    assert (served.posts, len(session.history)) == (0, 0)
    assert not any(request.method == "POST" for request in served.relay.requests)


@pytest.mark.slow
def test_a_table_of_pandas_shows_pictures(session: Session) -> None:
    """Small ones, where the table asks for HTML; nothing where the file is gone."""
    session.generate("a fox & an <owl>")
    (picture,) = session.history[-1].pictures
    frame = session.history.to_dataframe().assign(picture=[picture])
    html = frame[["picture"]].style.format({"picture": Picture.to_html}).to_html()
    assert html.count('src="data:image/') == 1
    assert 'alt="a fox &amp; an &lt;owl&gt;"' in html
    assert replace(picture, sha256="0" * 64).to_html() == ""


def test_without_pandas_it_is_said_how_to_install_it(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the history, a part of it and its report."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    for table in (session.history, session.history[:1], session.history.report()):
        with pytest.raises(InputError, match=r"to_dataframe\(\) needs pandas") as caught:
            table.to_dataframe()
        assert caught.value.next_step() == '%pip install "now_jupyter[pandas]"'


def test_orders_that_fail_together_have_an_error_each(
    session: Session, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is added to one of them for its order is not said of another."""
    session.generate("a fox")
    monkeypatch.setattr("now_jupyter._store._store._PATIENCE_TO_CLAIM", 0.05)
    store = session.context.home().store
    with Store(store.folder)._locks.hold(0):  # type: ignore[union-attr]
        jobs = [session.submit(f"fox {number}", model="dall-e-2") for number in range(20)]
        errors = [job.exception(30) for job in jobs]
    assert {type(one) for one in errors} == {StoreError}
    assert len(set(map(id, errors))) == 20
    assert served.posts == 1
    assert session.generate("another").ref == "#2"


@pytest.mark.slow
def test_a_bug_in_one_claim_leaves_the_others(
    session: Session, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are sent, and nothing stays held."""
    session.generate("a fox")
    store = session.context.home().store
    claim = store._jobs.claim

    def fail_once(record: Record) -> object:
        if record.request.prompt == "fox 7":
            raise RuntimeError("a bug")
        return claim(record)

    monkeypatch.setattr(store._jobs, "claim", fail_once)
    jobs = [session.submit(f"fox {number}", model="dall-e-2") for number in range(12)]
    errors = [job.exception(30) for job in jobs]
    session.wait()
    assert [str(one) for one in errors if one] == ["a bug"]
    assert served.posts == 12
    assert not store._locks._mine
    assert {one.status for one in store.records()} == {Status.DONE}
