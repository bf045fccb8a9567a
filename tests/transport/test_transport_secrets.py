"""The key stays where it belongs, and no foreign exception comes out."""

from __future__ import annotations

import gc
import gzip
import json
import types
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import httpcore
import httpx
import pytest

from faultserver import Drip, FaultServer, Hang, Reset, Send, chunked, json_answer, response, stream_answer
from now_jupyter._messages import BadResponseError, MaybeBilledError
from now_jupyter._settings import Key
from now_jupyter._transport._connections import ConnectionPool
from now_jupyter.demo import Response
from paid_calls import MODELS_CALL, PARTIAL, PICTURE, STREAMED, ask, frames, made, order


def all_kinds(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for one in kind.__subclasses__():
        yield from all_kinds(one)


FOREIGN = sorted(
    {
        *all_kinds(httpx.HTTPError),
        *all_kinds(httpx.StreamError),
        *(httpx.InvalidURL, httpx.CookieConflict, TimeoutError, ConnectionResetError, BrokenPipeError, MemoryError),
        *(value for value in vars(httpcore).values() if isinstance(value, type) and issubclass(value, Exception)),
        *(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, json.JSONDecodeError, UnicodeError),
    }
    - {httpx.HTTPStatusError},
    key=lambda kind: f"{kind.__module__}.{kind.__name__}",
)


def raised(kind: type[BaseException]) -> BaseException:
    if kind is json.JSONDecodeError:
        return json.JSONDecodeError("x", "y", 0)
    return made(kind)


@dataclass
class Broken:
    """A relay whose connection fails in a given way, before or in the middle of the answer."""

    problem: BaseException
    where: str

    async def handle(self, _request: object) -> Response:
        if self.where == "head":
            raise self.problem
        return Response(status=200, headers=(("content-type", "application/json"),), body=self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        yield b'{"data"'
        raise self.problem


@pytest.mark.slow
@pytest.mark.parametrize("where", ["head", "body"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_no_foreign_exception_is_forgotten(kind: type[BaseException], where: str) -> None:
    """Every one becomes an error of ours, without cause or context; in a paid call it may be billed."""
    relay: Any = Broken(raised(kind), where)
    came = order("http://demo.invalid", relay=relay)
    assert isinstance(came.error, MaybeBilledError)
    free = ask("http://demo.invalid", MODELS_CALL, relay=relay)
    assert isinstance(free, BadResponseError)
    for error in (came.error, free):
        assert error.__cause__ is None
        assert error.__context__ is None


def test_a_bug_stays_a_bug() -> None:
    """What is no failure of the network keeps its own traceback."""
    relay: Any = Broken(ZeroDivisionError("bug"), "head")
    with pytest.raises(ZeroDivisionError):
        order("http://demo.invalid", relay=relay)


def reachable(error: BaseException, *, stop: tuple[type, ...]) -> Iterator[object]:
    """Give all that hangs on an error: its attributes and the locals of every frame of its traceback."""
    waiting: list[object] = [error.args, vars(error), error.__cause__, error.__context__]
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__", "").startswith("now_jupyter"):
            waiting.extend(traceback.tb_frame.f_locals.values())
        traceback = traceback.tb_next
    known: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in known or isinstance(one, (*stop, types.ModuleType, type, types.FunctionType)):
            continue
        known.add(id(one))
        yield one
        waiting.extend(gc.get_referents(one))


@pytest.mark.parametrize(
    "script",
    [
        [Send(json_answer({"error": {"message": "no"}}, status=401))],
        [Reset()],
        [Send(json_answer(PICTURE)[:-9]), Reset()],
        [Send(stream_answer()), Send(chunked(frames(PARTIAL), end=False)), Reset()],
        [Hang()],
    ],
)
def test_no_error_carries_the_key(server: FaultServer, key: Key, script: list[Any]) -> None:
    """Not in its words, its attributes, or anything that the frames of its traceback reach, but the client itself."""
    server.script(script)
    came = order(server.url, STREAMED, key=key, deadline=0.5)
    assert came.error is not None
    secret = key.header().removeprefix("Bearer ")
    assert secret not in "\n".join([*came.error.lines(), repr(came.error), str(vars(came.error))])
    for one in reachable(came.error, stop=(Key, ConnectionPool)):
        if isinstance(one, str):
            assert secret not in one
        if isinstance(one, bytes):
            assert secret.encode() not in one


def test_a_relay_that_echoes_the_key_does_not_make_us_show_it(server: FaultServer, key: Key) -> None:
    """In an error body, a header or a redirect."""
    secret = key.header().removeprefix("Bearer ")
    body = {"error": {"message": f"bad {secret}", "code": secret}}
    where = {"Location": f"https://{secret}.example/", "X-Request-Id": secret}
    server.script(
        [Send(json_answer(body, status=401, headers=where))], [Send(json_answer(body, status=302, headers=where))]
    )
    for _ in range(2):
        came = order(server.url, key=key)
        assert came.error is not None
        assert secret not in "\n".join([*came.error.lines(), str(vars(came.error)), str(came.attempts)])


def test_a_relay_that_echoes_the_key_in_an_answer_does_not_bring_it_to_the_disk(server: FaultServer, key: Key) -> None:
    """Not in head, body, value or attempt, packed or not, wherever the answer is split."""
    secret = key.header().removeprefix("Bearer ")
    body = json.dumps({"a": f"x{secret}y"}).encode()
    headers = {"Content-Type": f"text/{secret}", "X-Request-Id": secret}
    server.script(
        [Drip(response(200, body, headers=headers))],
        [Send(response(200, gzip.compress(body), headers={**headers, "Content-Encoding": "gzip"}))],
    )
    for _ in range(2):
        came = order(server.url, key=key)
        assert came.reply is not None
        assert came.reply.body == {"a": f"x{'*' * len(secret)}y"}
        assert secret not in str([came.reply, came.sink, came.attempts])
