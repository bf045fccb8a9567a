"""Row B3: an answer, a list, a price or a balance in which any field is absurd."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from absurd import absurd_for, encoded
from campaign import Campaign
from faultserver import Send, response
from hostile import REPLY
from now_jupyter._bounds import printable
from now_jupyter._display._display import bundle_of, caption_of
from now_jupyter._ipython._now import NowCommands
from now_jupyter._messages import NowImageError
from now_jupyter._settings import Settings
from now_jupyter._store import Record
from now_jupyter._values import Generation
from stand import Stand, is_short, on_stand

FREE = {
    "/v1/models": {
        "data": [
            {
                "id": "gpt-image-2",
                "supported_endpoint_types": ["image-generation"],
                "architecture": {"output_modalities": ["image"]},
            }
        ]
    },
    "/api/pricing": {
        "data": [{"model_name": "gpt-image-2", "model_price": 0.5, "quota_type": 1}],
        "group_ratio": {"default": 1},
    },
    "/api/status": {
        "data": {"quota_display_type": "CNY", "usd_exchange_rate": 7.2, "price": 7.2, "quota_per_unit": 5e5}
    },
    "/v1/billing/usage": {"data": {"balance": 3.5, "used": 1}},
    "/v1/dashboard/billing/subscription": {"hard_limit_usd": 10},
    "/v1/dashboard/billing/usage": {"total_usage": 100},
    "/api/usage/token/": {"data": {"total_available": 1, "total_used": 2, "unlimited_quota": False}},
}
REFUSAL = {"error": {"message": "no", "code": "x", "type": "y", "param": None}, "request_id": "r", "detail": "d"}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with on_stand(tmp_path_factory.mktemp("absurd") / "a.now", deadline=20.0) as stand:
        yield stand


def answer_of(form: Any, status: int = 200, headers: dict[str, str] | None = None) -> Send:
    return Send(response(status, encoded(form), headers={"Content-Type": "application/json", **(headers or {})}))


def seen(stand: Stand, came: Generation | NowImageError) -> None:
    """Hold what people see to be short and plain, and the record to be one that is read back equal."""
    newest = max(int(path.stem) for path in (stand.folder / "jobs").glob("*.json"))
    kept = json.loads((stand.folder / "jobs" / f"{newest}.json").read_bytes())
    assert Record.from_json(kept).to_json() == kept
    if isinstance(came, NowImageError):
        is_short(came)
        return
    for text in (caption_of(came), repr(came), bundle_of(came, Settings(), how="text")[0]["text/plain"]):
        assert printable(text) == text
        assert len(text) < 3000
    assert came.status in ("done", "partial")
    assert kept["status"] == came.status


@pytest.mark.row("B3", injected="an answer of the images endpoint in which one field is absurd")
def test_any_field_of_an_answer_may_hold_anything(stand: Stand, campaign: Campaign) -> None:
    """Whatever one field of a paid answer holds: pictures or a short error of ours, and a record that says so."""
    tried = 0
    share = 1 if campaign.is_full else 3
    for form in absurd_for(REPLY, share=share):
        stand.serve([answer_of(form)])
        seen(stand, stand.buy(n=2))
        tried += 1
    for form in absurd_for(REFUSAL, share=share):
        stand.serve([answer_of(form, 400)])
        seen(stand, stand.refused())
        tried += 1
    listing = repr(stand.session.history[:])
    assert len(listing) < 20_000
    assert printable(listing) == listing
    campaign.figure("absurd answers tried", tried)
    campaign.outcome(outcome="pictures, or a short error", billed="yes / maybe / no", kept="readable records")


def _is_asked(other: str, path: str) -> bool:
    """Whether a relay that tells its balance at `path` has this address, too: the first that answers is taken."""
    ways = [way for way in ("/v1/billing", "dashboard", "token") if way in path]
    return not any(way in other for way in ("/v1/billing", "dashboard", "token")) or any(way in other for way in ways)


@pytest.mark.row("B3", injected="a list, price, status or balance in which one field is absurd")
def test_any_field_of_what_a_relay_says_of_itself_may_hold_anything(
    stand: Stand, campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    """Models, prices, status, balance: whatever one field holds, `%now` shows short, plain text or an error of ours."""
    commands = NowCommands(None, stand.session)  # type: ignore[arg-type]  # these commands ask nothing of a shell
    tried = 0
    for path, form in FREE.items():
        for absurd in absurd_for(form, share=1 if campaign.is_full else 3):
            stand.server.forget()
            for other, sound in {**FREE, path: absurd}.items():
                if _is_asked(other, path):
                    stand.server.script([answer_of(sound)], path=other)
            stand.session.facts._known.clear()
            for command in ("models", "balance"):
                with suppress(NowImageError):
                    commands.run(command)
                text = capsys.readouterr().out
                assert len(text) < 100_000, path
                assert max(map(len, text.split("\n"))) < 600, path
            tried += 1
    campaign.figure("absurd answers tried", tried)
    campaign.outcome(outcome="shown, or a short error", billed="–", kept="–")


def test_a_list_of_thousands_of_models_is_shown_in_part(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    """`%now models` shows 300 names and says how many more there are; one that nobody can type is left out."""
    names = [*(f"gpt-image-2-{at}" for at in range(900)), "gpt-image\x1b[2J", "gpt-image-" + "x" * 10_000]
    stand.server.forget()
    stand.server.script([answer_of({"data": [{"id": name} for name in names]})], path="/v1/models")
    stand.session.facts._known.clear()
    NowCommands(None, stand.session).run("models")  # type: ignore[arg-type]  # it asks nothing of a shell
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 301
    assert "600 more" in lines[-1]
    assert max(map(len, lines)) < 100
