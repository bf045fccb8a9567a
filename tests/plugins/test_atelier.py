"""A task service in one file, installed as a plug-in, has all that ours have."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import panels
from clean_room import ROOT
from now_jupyter._display._ticking import line_of
from now_jupyter._ipython._reports import cell_of, rehearsal_text
from now_jupyter._messages import InputError
from now_jupyter._options import complete, parse_cell, usage
from now_jupyter._orders import order_of
from now_jupyter._panel._attachments import Attachments
from now_jupyter._panel._draft import Draft, draft_of
from now_jupyter._panel._jobs import _notes_of
from now_jupyter._panel._quote import quote_of
from now_jupyter._services import request_again, services
from now_jupyter._session import Session
from now_jupyter._values import Status
from now_jupyter.services import Ask, Exchange, Input, Listed, Reply, Request, check
from shells import shell_in
from two_services import TwoServices, png

pytestmark = pytest.mark.usefixtures("plugins")
BUY = """
import os, sys
from now_jupyter._session import Session
session = Session(folder=sys.argv[1], base_url=sys.argv[2], api_key=os.environ["TOY_KEY"], environ={})
session.generate("two foxes", model="atelier-2", size="16:9", image=sys.argv[3:5])
"""


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "first.png", tmp_path / "second.png"]
    for path, colour in zip(paths, ("green", "orange"), strict=True):
        path.write_bytes(png(32, 32, colour))
    return paths


@contextmanager
def session_at(relay: TwoServices, folder: Path, key: str = "") -> Iterator[Session]:
    session = Session(folder=folder / "x.now", base_url=relay.url, api_key=key, environ={}, working=folder)
    try:
        session._runner_for(session.context.access(), session.context.home()).sleep = _at_once
        yield session
    finally:
        session.close()


async def _at_once(_seconds: float) -> None:
    from anyio.lowlevel import checkpoint

    await checkpoint()


def test_two_pictures_in_two_pictures_buttons_and_a_sheet_out(
    relay: TwoServices, tmp_path: Path, pictures: list[Path]
) -> None:
    """The free ticket, then the form with both pictures and the key in a header of its own; ids stay whole."""
    key = secrets.token_hex(16)
    with session_at(relay, tmp_path, key) as session:
        made = session.generate("two foxes", model="atelier-2", size="16:9", image=pictures)
    (_, _, _, ticket), (_, path, heads, body) = [one for one in relay.requests if "atelier" in one[1]][:2]
    assert (ticket, path) == (b"", "/atelier/v2/jobs")
    assert heads["x-atelier-key"] == key
    assert "authorization" not in heads
    assert heads["content-type"].startswith("multipart/form-data")
    assert all(picture.read_bytes() in body for picture in pictures)
    assert b"18014398509481985" in body
    assert b'name="shape"' in body
    assert relay.count("POST") == 1
    assert (made.status, made.service, made.model, len(made.outputs)) == ("done", "atelier", "atelier-2", 3)
    assert [one.is_side for one in made.outputs] == [False, False, True]
    assert [one.path.name for one in made.outputs] == ["1-two-foxes.png", "1.2-two-foxes.png", "1.3-two-foxes.png"]
    assert [one.label for one in made.buttons] == ["Again", "Larger"]


def test_a_dry_run_shows_its_own_calls_and_price(relay: TwoServices, tmp_path: Path, pictures: list[Path]) -> None:
    """Method, whole URL and body of both calls, what the first gives by name, inputs by name; nothing is sent."""
    with session_at(relay, tmp_path) as session:
        order = order_of(parse_cell(f"-m atelier-2 -s 9:16 -i {pictures[0]}", "two foxes"))
        rehearsal = session.rehearse(order)
        text = rehearsal_text(session, order)
    assert [(one.method, one.url) for one in rehearsal.calls] == [
        ("GET", f"{relay.url}/atelier/v2/ticket"),
        ("POST", f"{relay.url}/atelier/v2/jobs"),
    ]
    assert "<ticket of the answer before>" in text
    assert re.search(r"<picture [0-9a-f]{12} 32x32>", text)
    assert "0.5" in text
    assert relay.count("POST") == 0


@pytest.mark.slow
def test_a_killed_kernel_loses_nothing_and_pays_nothing_twice(
    relay: TwoServices, tmp_path: Path, pictures: list[Path], plugins: Path
) -> None:
    """Killed while the task is under way, a new kernel resumes it with free calls only."""
    relay.hold = True
    environment = {**os.environ, "TOY_KEY": secrets.token_hex(16)}
    environment["PYTHONPATH"] = os.pathsep.join([str(plugins), str(ROOT), environment.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        [sys.executable, "-c", BUY, str(tmp_path / "x.now"), relay.url, *map(str, pictures)], env=environment
    )
    try:
        assert relay.polled.wait(60)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    relay.hold = False
    before = relay.count("GET")
    with session_at(relay, tmp_path) as session:
        (left,) = session.history
        assert (left.status, left.billed, left.service) == (Status.PENDING, "yes", "atelier")
        (made,) = session.resume()
        assert (made.status, len(made.outputs), made.ref) == ("done", 3, "#1")
    assert relay.count("POST") == 1
    assert relay.count("GET") > before


def test_run_again_it_is_served(relay: TwoServices, tmp_path: Path, pictures: list[Path]) -> None:
    """A new kernel is served from the history; the same picture at another place is the same picture."""
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in pictures]
    with session_at(relay, tmp_path) as session:
        session.generate("two foxes", model="atelier-2", image=moved)
    back = [path.rename(pictures[place]) for place, path in enumerate(moved)]
    with session_at(relay, tmp_path) as session:
        again = session.generate("two foxes", model="atelier-2", image=back)
    assert (again.ref, relay.count("POST")) == ("#1", 1)


def test_its_words_of_progress_are_shown(relay: TwoServices, tmp_path: Path, pictures: list[Path]) -> None:
    """What a service says while it works stands behind the time in a cell, and on the panel's card."""
    with session_at(relay, tmp_path) as session:
        relay.hold = True
        job = session.submit("two foxes", model="atelier-2", image=pictures)
        while not (job.progress and job.progress.words):
            assert not job.is_decided
        line, notes = line_of(job, "en"), _notes_of(job)
        relay.hold = False
        assert job.result(30).status is Status.DONE
    assert line.endswith(" s · hmm")
    assert notes[0] == "hmm"


def test_a_button_is_an_order_of_its_own(relay: TwoServices, tmp_path: Path) -> None:
    """Pressed by its label, in any case, it sends back the service's own word, to the same service."""
    with session_at(relay, tmp_path) as session:
        first = session.generate("two foxes", model="atelier-2")
        with pytest.raises(InputError, match="it has: Again, Larger"):
            session.generate("", button="U1", image="#1")
        pressed = session.generate("", button="LARGER", image=first)
    body = [one[3] for one in relay.requests if one[:2] == ("POST", "/atelier/v2/jobs")][-1]
    assert b"larger::1" in body
    assert (pressed.ref, pressed.parents, pressed.service) == ("#2", (first.id,), "atelier")


def test_the_panel_presses_its_buttons_once(relay: TwoServices, tmp_path: Path) -> None:
    """A double click on a button is one order; "Again" under what came of it presses the button once more."""
    with session_at(relay, tmp_path) as session:
        first = session.generate("two foxes", model="atelier-2")
        with panels.opened(session) as wire:
            assert [one["label"] for one in wire.ask("detail", number=1).content["buttons"]] == ["Again", "Larger"]
            assert "job" in wire.ask("press", number=1, label="Larger", at=1000.0).content
            assert wire.ask("press", number=1, label="Larger", at=1100.0).content["repeat"] is True
            wire.until(lambda: len(session.history) == 2 and not session.jobs())
            cell = wire.ask("detail", number=2).content["cell"]
            wire.ask("again", number=2, at=9000.0)
            wire.until(lambda: len(session.history) == 3 and not session.jobs())
        parents = [one.parents for one in session.history]
    assert parents == [(), (first.id,), (first.id,)]
    assert "-i #1 --button Larger" in cell


def test_its_cell_and_draft_come_back_to_it(relay: TwoServices, tmp_path: Path) -> None:
    """`%now cell`, recall and the panel's draft name what leads to the same service again."""
    with session_at(relay, tmp_path) as session:
        made = session.generate("two foxes", model="atelier-2", size="16:9", params={"grain": "fine"})
        line, _, body = cell_of(made, session).partition("\n")
        order = order_of(parse_cell(line.removeprefix("%%nowimage"), body))
        assert session.rehearse(order).offer.fit.name == "RESERVED"
        assert order.request.fingerprint() == made.request.fingerprint()
        draft = draft_of(request_again(made.request, made.model, made.service))
        assert (draft.model, draft.options, draft.params) == ("atelier-2", {"size": "16:9"}, (("grain", "fine"),))


def test_help_completion_and_panel_know_it(relay: TwoServices, tmp_path: Path) -> None:
    """Its name stands in the help and behind `--service`; the panel offers what it takes and no more."""
    names = [one.name for one in services()]
    assert "atelier" in usage(services=names)
    assert complete("--service at", {"service": names}) == ("at", names)
    with session_at(relay, tmp_path) as session:
        assert "atelier-2" in session.known_models()
        draft = Draft(model="atelier-2", prompt="two foxes", options={"size": "4:3"})
        quote = quote_of(session, draft, Attachments(session))
    assert quote["controls"]["size"]["values"] == ["16:9", "9:16", "1:1"]
    assert quote["controls"]["quality"]["why"]
    assert quote["price"]
    assert any("4:3" in note for note in quote["notes"])


@pytest.mark.slow
def test_the_magic_makes_its_pictures(relay: TwoServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell shows them and binds the result."""
    monkeypatch.setenv("NOW_BASE_URL", relay.url)
    monkeypatch.chdir(tmp_path)
    relay.states[:] = ["Finished"]
    with shell_in(tmp_path) as shell:
        shell.run("%load_ext now_jupyter")
        assert shell.pictures("%%nowimage -m atelier-2 -o foxes\ntwo foxes") == 1
        assert shell.run("foxes").service == "atelier"


def test_it_keeps_the_contract() -> None:
    """`services.check` finds nothing, over whole, cut and foreign answers."""
    service = next(one for one in services() if one.name == "atelier")
    offer = service.offer(Listed(name="atelier-2"))
    assert offer is not None
    request = Request(prompt="two foxes", inputs=(Input(role="picture", id="a" * 64, sha256="a" * 64),))
    done = {"id": "1", "state": "finished", "pictures": ["https://p.example/1.png", "https://p.example/2.png"]}
    started = Reply(body={"job": {"id": 1 << 60}})
    check(
        service,
        [Ask(request=request, offer=offer)],
        [Exchange(reply=started, answers=(Reply(body={"state": "hmm"}), Reply(body=done)))],
        before=[Reply(body={"ticket": 1 << 60})],
    )


def test_records_hold_no_float_ids(relay: TwoServices, tmp_path: Path) -> None:
    """An id beyond 2^53 stands in the record as text, to the last digit."""
    with session_at(relay, tmp_path) as session:
        session.generate("two foxes", model="atelier-2")
    record = json.loads((tmp_path / "x.now" / "jobs" / "1.json").read_text("utf-8"))
    assert record["state"] == {"task": "9007199254740993"}
    assert record["outputs"][0]["handle"] == "9007199254740993/0"
