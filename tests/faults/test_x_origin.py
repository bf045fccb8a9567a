"""Row X1: the key is bound to one origin, whoever sends over the line that knows it."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import pytest

from campaign import Campaign
from faultserver import FaultServer, Send, json_answer
from now_jupyter._secret import Key
from now_jupyter._transport._wire import Fleet
from stand import new_key


@pytest.mark.row("X1", injected="requests to other hosts, ports and schemes over the relay's own line")
def test_the_key_goes_to_its_own_origin_only(tmp_path: Path, campaign: Campaign) -> None:
    """Should a request ever go elsewhere over a line that knows the key, it goes without the key."""
    key = new_key()

    async def ask(own: FaultServer, other: FaultServer) -> None:
        fleet = Fleet(base_url=own.url, key=Key(key), relay=None)
        line = fleet.paid()
        for url in (own.url, other.url, own.url.replace("127.0.0.1", "localhost"), own.url.replace("//", "//x@")):
            answer = await line.send(httpx.Request("GET", url))
            await answer.aread()
            await answer.aclose()
        await fleet.aclose()

    with FaultServer() as own, FaultServer() as other:
        for server in (own, other):
            server.script([Send(json_answer({}))])
        anyio.run(ask, own, other)
        told = [one.headers.get("authorization") for one in own.seen]
        assert told == [f"Bearer {key}", None, f"Bearer {key}"]  # a user name is no other origin
        assert [one.headers.get("authorization") for one in other.seen] == [None]
    campaign.outcome(outcome="no key elsewhere", billed="–", kept="–")
