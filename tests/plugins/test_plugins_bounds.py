"""Whatever the relay of a plug-in answers: outputs or a short error, and a record that is read back equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from absurd import ABSURD, absurd_for, encoded
from now_jupyter._bounds import printable
from now_jupyter._display._display import bundle_of, caption_of
from now_jupyter._messages import NowImageError
from now_jupyter._session import Session
from now_jupyter._settings import Settings
from now_jupyter._store import Record
from now_jupyter._values import Generation
from test_atelier import session_at
from two_services import TwoServices

pytestmark = pytest.mark.usefixtures("plugins")
TASK = "/atelier/v2/jobs/9007199254740993"


def seen(came: Generation | NowImageError, record: Path) -> None:
    """Hold what people see to be short and plain, and the record to be one that is read back equal."""
    if record.exists():
        kept = json.loads(record.read_bytes())
        assert Record.from_json(kept).to_json() == kept
    if isinstance(came, NowImageError):
        assert max(map(len, came.lines())) < 1200
        return
    assert printable(caption_of(came)) == caption_of(came)
    assert len(caption_of(came)) < 3000
    assert len(bundle_of(came, Settings(), how="text")[0]["text/plain"]) <= 70_000


def look_at_order(session: Session, prompt: str, model: str, number: int) -> None:
    """Place an order, and look at what came and at its record."""
    try:
        came: Generation | NowImageError = session.generate(prompt, model=model, timeout=60)
    except NowImageError as error:
        came = error
    seen(came, session.context.home().store.folder / "jobs" / f"{number}.json")


def told(relay: TwoServices, monkeypatch: pytest.MonkeyPatch, address: str, kind: str, data: bytes) -> None:
    """Have the relay answer so at one address, and as ever at the others."""
    usual = TwoServices.answer

    def answer(method: str, path: str) -> tuple[str, bytes]:
        return (kind, data) if path == address else usual(relay, method, path)

    monkeypatch.setattr(relay, "answer", answer)


@pytest.mark.slow
def test_any_field_of_an_answer_to_a_task_service_may_hold_anything(
    relay: TwoServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ticket, the job that is begun, and the job that is done, with every field absurd in turn: each value stands
    somewhere, and each field has a third of them.
    """
    relay.states = ["Finished"]
    done = {**relay._job(), "sheet": None}
    forms: dict[str, Any] = {
        "/atelier/v2/ticket": {"ticket": 1},
        "/atelier/v2/jobs": {"job": {"id": 9007199254740993, "state": "queued"}},
        TASK: done,
    }
    tried = 0
    with session_at(relay, tmp_path) as session:
        runner = session._runner_for(session.context.access(), session.context.home())
        waited = [0.0]

        async def wait(seconds: float) -> None:
            waited[0] += seconds
            await checkpoint()

        runner.sleep = runner.client._sleep = runner.downloader._sleep = wait
        runner.stopwatch = lambda: waited[0]
        runner.task_limit = 20
        for address, form in forms.items():
            for absurd in absurd_for(form, share=3):
                told(relay, monkeypatch, address, "application/json", encoded(absurd))
                tried += 1
                look_at_order(session, f"two foxes {tried}", "atelier-2", tried)
    assert tried > 80


@pytest.mark.slow
def test_an_answer_that_is_the_output_may_be_anything(
    relay: TwoServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words, JSON or bytes of any length in the place of a sound."""
    tried = 0
    with session_at(relay, tmp_path) as session:
        for kind in ("text/plain", "application/json", "audio/mpeg", "x" * 5000, "text/\x7f\x85"):
            for absurd in ABSURD.values():
                told(relay, monkeypatch, "/v1/organ/play", kind, encoded(absurd))
                tried += 1
                look_at_order(session, f"a song {tried}", "organ-1", tried)
