"""Row X1: the key is bound to one origin, and is taken out of what was packed, where no byte of it is to be seen."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import anyio
import httpx
import pytest

from campaign import Campaign
from faultserver import Close, Drip, FaultServer, Reset, Send, json_answer, response
from now_jupyter._messages._errors import NowImageError
from now_jupyter._protocol import Call
from now_jupyter._settings._key import Key
from now_jupyter._transport import RelayClient
from now_jupyter._transport._connections import ConnectionPool
from stand import item, new_key, on_stand, png


@pytest.mark.row("X1", injected="requests to other hosts, ports and schemes over the relay's own line")
def test_the_key_goes_to_its_own_origin_only(tmp_path: Path, campaign: Campaign) -> None:
    """Should a request ever go elsewhere over a line that knows the key, it goes without the key."""
    key = new_key()

    async def ask(own: FaultServer, other: FaultServer) -> None:
        pool = ConnectionPool(base_url=own.url, key=Key(key), relay=None)
        connection = pool.for_paid_call()
        for url in (own.url, other.url, own.url.replace("127.0.0.1", "localhost"), own.url.replace("//", "//x@")):
            answer = await connection.send(httpx.Request("GET", url, headers={"Authorization": "Bearer {key}"}))
            await answer.aread()
            await answer.aclose()
        await pool.aclose()

    with FaultServer() as own, FaultServer() as other:
        for server in (own, other):
            server.script([Send(json_answer({}))])
        anyio.run(ask, own, other)
        told = [one.headers.get("authorization") for one in own.seen]
        assert told == [f"Bearer {key}", None, f"Bearer {key}"]  # a user name is no other origin
        assert [one.headers.get("authorization") for one in other.seen] == [None]
    campaign.outcome(outcome="no key elsewhere", billed="–", kept="–")


@pytest.mark.row("X1", injected="the key echoed inside packed answers, read at once and from the kept one")
def test_the_key_is_taken_out_of_packed_answers(tmp_path: Path, campaign: Campaign) -> None:
    """What a packed answer says of the key is covered in records and values, also where `resume` reads it again."""
    with on_stand(tmp_path / "a.now") as stand:
        said = {"data": [{**item(png(1)), "revised_prompt": f"a fox with {stand.key}"}]}
        packed = gzip.compress(json.dumps(said).encode())
        headers = {"Content-Encoding": "gzip"}
        whole = [Send(response(200, packed, headers=headers))]
        cut = [Send(response(200, packed, length=len(packed) + 9, headers=headers)), Close()]
        dripped = [Drip(response(200, packed, headers=headers))]
        for script in (whole, dripped, cut):
            stand.serve(stand.ledger.sells(script, pictures=[png(1)]))
            stand.buy()
        stand.session.resume()
        shown = list(stand.session.history)
        assert [one.status for one in shown] == ["done"] * 3
        assert all("a fox with ***" in str(one.pictures[0].revised_prompt) for one in shown)
        assert not [path for path in stand.folder.rglob("*.json") if stand.key.encode() in path.read_bytes()]
        stand.verdict()
    campaign.outcome(outcome="0 hits", billed="yes", kept="pictures")


@pytest.mark.row("X1", injected="a connection that breaks, asked for without anything around")
def test_a_foreign_exception_does_not_hang_on(campaign: Campaign) -> None:
    """The error comes from the transport itself without cause or context, whose frames hold the request."""
    key = new_key()

    async def ask(server: FaultServer) -> NowImageError:
        client = RelayClient(base_url=server.url, key=Key(key), sleep=anyio.sleep, jitter=lambda: -1.0)
        try:
            await client.fetch(Call(path="/models", method="GET"))
        except NowImageError as error:
            return error
        finally:
            await client.aclose()
        raise AssertionError

    with FaultServer() as server:
        server.script([Reset()])
        error = anyio.run(ask, server)
    assert error.__context__ is None
    assert error.__cause__ is None
    campaign.outcome(outcome="nothing hangs on", billed="no", kept="–")
