"""Rows H1 to H8: what a relay answers instead of pictures, by status."""

from __future__ import annotations

import gzip
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from campaign import Campaign
from faultserver import Close, FaultServer, Hang, Send, chunked, json_answer, response
from limits import at_once
from now_jupyter._messages._errors import (
    AuthError,
    BadResponseError,
    ConfigError,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
    TaskStillPending,
)
from stand import Stand, b64_answer, is_short, on_stand, png, sells


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with on_stand(tmp_path / "a.now", deadline=600.0) as stand:
        yield stand


def refusing(status: int, code: str = "", *, words: str = "no", **headers: str) -> list[Send]:
    error = {"message": words, "type": "", "code": code}
    return [
        Send(json_answer({"error": error}, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}))
    ]


def ends_in(
    stand: Stand, script: object, kind: type[NowImageError], *, billed: str, posts: int = 1, sold: bool = False
) -> NowImageError:
    """Order into a fault: the error is of this class and short, the record agrees, and so does the ledger."""
    ledger = stand.ledger
    stand.serve(ledger.sells(script) if sold else ledger.refuses(script))  # type: ignore[arg-type]
    error = stand.refused()
    assert type(error) is kind, f"{error!r} instead of {kind.__name__}"
    assert error.billed == billed
    assert stand.posts == posts
    is_short(error)
    assert stand.last.billed == billed
    assert stand.last.form["error"]["type"] == kind.__name__
    assert stand.last.status == ("unknown" if billed == "maybe" else "failed")
    stand.verdict()
    return error


@pytest.mark.row("H1", injected="400 404 405 410 413 415 422, content policy in any status")
def test_a_refusal_of_the_request_is_final_and_free(stand: Stand, campaign: Campaign) -> None:
    """400, 404, 405, 410, 413, 415, 422 and a refusal for content are `RejectedError`: not billed, sent once."""
    for status in (400, 404, 405, 410, 413, 415, 422):
        ends_in(stand, refusing(status), RejectedError, billed="no")
    for status, code in ((400, "content_policy_violation"), (500, "moderation_blocked"), (503, "model_not_found")):
        error = ends_in(stand, refusing(status, code), RejectedError, billed="no")
        assert error.code == code
    ends_in(stand, [Send(response(404, b"<html>not found</html>"))], RejectedError, billed="no")
    assert not stand.pauses
    campaign.outcome(outcome="RejectedError, 1 POST", billed="no", kept="record with the relay's words")


@pytest.mark.row("H2", injected="401, 403")
def test_a_refused_key_names_where_it_came_from(stand: Stand, campaign: Campaign) -> None:
    """401 and 403 are `AuthError`, not billed, sent once, and name the source of the key, never the key."""
    for status in (401, 403):
        error = ends_in(stand, refusing(status, words=f"bad key {stand.key}"), AuthError, billed="no")
        assert "api_key" in str(error)
        assert stand.key not in str(error)
    told = gzip.compress(json.dumps({"error": {"message": f"bad key {stand.key}"}}).encode())
    packed = [Send(response(401, told, headers={"Content-Encoding": "gzip"}))]  # its bytes do not show the key
    error = ends_in(stand, packed, AuthError, billed="no")
    assert "bad key" in str(error)
    assert stand.key not in str(error)
    parted = stand.key[:9] + "\u200b" + stand.key[9:]  # whole again as soon as what is invisible is taken out
    error = ends_in(stand, refusing(401, words=f"bad key {parted}"), AuthError, billed="no")
    assert "bad key" in str(error)
    assert stand.key not in str(error)
    assert stand.key[9:] not in str(error)
    ends_in(stand, refusing(403, "insufficient_user_quota"), QuotaError, billed="no")
    assert not stand.pauses
    campaign.outcome(outcome="AuthError naming the source", billed="no", kept="record")


@pytest.mark.row("H3", injected="402, 429 with a code of quota")
def test_no_money_is_no_rate_limit(stand: Stand, campaign: Campaign) -> None:
    """402 and a 429 whose code is one of quota are `QuotaError`: not billed, never repeated."""
    ends_in(stand, refusing(402), QuotaError, billed="no")
    ends_in(stand, refusing(429, "insufficient_quota", retry_after="1"), QuotaError, billed="no")
    ends_in(stand, refusing(429, "billing_hard_limit_reached"), QuotaError, billed="no")
    by_type = {"error": {"message": "no", "type": "insufficient_quota"}}
    ends_in(stand, [Send(json_answer(by_type, status=429))], QuotaError, billed="no")
    assert not stand.pauses
    campaign.outcome(outcome="QuotaError, 1 POST", billed="no", kept="record")


@pytest.mark.row("H4", injected="429 with short, long, no and broken Retry-After")
def test_a_rate_limit_is_waited_for_within_limits(stand: Stand, campaign: Campaign) -> None:
    """429 waits as asked (at most 60 s each, 120 s in all, twice), by our own pauses where nothing sane is asked."""
    ledger = stand.ledger
    for asked, pauses in (("7", [7.0, 7.0]), ("60", [60.0, 60.0]), (None, [0.5, 1.0])):
        headers = {} if asked is None else {"Retry-After": asked}
        limited = ledger.refuses([Send(json_answer({"error": {}}, status=429, headers=headers))])
        stand.serve(limited, limited, sells(ledger, png(1)))
        with_patience(stand, pauses)
    for broken in ("soon", "-5", "nan", "1e999", "Thu, 99 Foo 2026"):
        stand.serve(ledger.refuses(refusing(429, retry_after=broken)), sells(ledger, png(2)))
        with_patience(stand, [0.5])
    for long in ("61", "3600", "Fri, 31 Dec 2100 23:59:59 GMT", "1e300"):
        stand.pauses.clear()
        ends_in(stand, refusing(429, retry_after=long), RateLimitError, billed="no")
        assert not stand.pauses
    ends_in(stand, refusing(429), RateLimitError, billed="no", posts=3)
    campaign.outcome(outcome="waits ≤60 s twice, else RateLimitError", billed="no, then once", kept="picture")


def with_patience(stand: Stand, pauses: list[float]) -> None:
    stand.pauses.clear()
    stand.bought()
    assert stand.pauses == pauses
    assert stand.posts == len(pauses) + 1
    stand.verdict()


@pytest.mark.row("H4", injected="a wait for a rate limit, interrupted")
def test_a_wait_for_a_rate_limit_can_be_left(tmp_path: Path, campaign: Campaign) -> None:
    """Whoever waits while a rate limit is waited for is freed at once; the order goes on and is billed once."""
    goes_on, waits = threading.Event(), threading.Event()
    with on_stand(tmp_path / "a.now", deadline=600.0) as stand, ExitStack() as leaving, at_once():
        leaving.callback(goes_on.set)
        client = next(iter(stand.session.context._open.values())).client

        async def until_told(_seconds: float) -> None:
            waits.set()
            await anyio.to_thread.run_sync(goes_on.wait)

        client._sleep = until_told
        stand.serve(stand.ledger.refuses(refusing(429, retry_after="30")), sells(stand.ledger, png(3)))
        job = stand.session.submit("a patient fox", model="gpt-image-2")
        assert waits.wait(10)
        threading.Timer(0.05, job.stop_waiting).start()
        with pytest.raises(TaskStillPending):
            job.result()
        goes_on.set()
        assert len(job.result(30).pictures) == 1
        assert stand.posts == 2
        stand.verdict()
    campaign.outcome(outcome="freed at once, order goes on", billed="once", kept="picture")


@pytest.mark.row("H5", injected="408 409 425 500 502 504 520–524 529, 503 without a known code")
def test_an_unclear_status_may_have_been_billed(stand: Stand, campaign: Campaign) -> None:
    """What a relay says after it may have taken the order is `MaybeBilledError` and is never sent again."""
    for status in (408, 409, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529):
        error = ends_in(stand, refusing(status, "do_request_failed"), MaybeBilledError, billed="maybe", sold=True)
        assert error.status == status
        ends_in(stand, [Send(response(status, b"<html>oops</html>"))], MaybeBilledError, billed="maybe", sold=True)
    assert not stand.pauses
    assert len([one for one in stand.session.history if one.status == "unknown"]) == 26
    campaign.outcome(outcome="MaybeBilledError, 1 POST", billed="maybe", kept="record, status unknown")


@pytest.mark.row("H6", injected="301 302 303 307 308 to another host")
def test_a_redirect_of_a_call_is_not_followed(stand: Stand, campaign: Campaign) -> None:
    """Any 3xx is `ConfigError`; the host that it leads to gets no connection, and the key goes nowhere."""
    with FaultServer() as second:
        for status in (300, 301, 302, 303, 304, 307, 308):
            script = [Send(response(status, headers={"Location": f"{second.url}/v1/images/generations"}))]
            ends_in(stand, script, ConfigError, billed="no")
        assert second.connections == 0
    campaign.outcome(outcome="ConfigError, second host unseen", billed="no", kept="record")


@pytest.mark.row("H7", injected="200 with an error, 202, 204, 206, cookies, retry hints")
def test_success_that_is_none(stand: Stand, campaign: Campaign) -> None:
    """A 200 that holds an error, and 2xx without pictures, may have been billed; hints to try again are ignored."""
    error = ends_in(
        stand,
        [
            Send(
                json_answer(
                    {"error": {"message": "upstream died", "code": "bad_response"}}, headers={"Retry-After": "1"}
                )
            )
        ],
        BadResponseError,
        billed="maybe",
        sold=True,
    )
    assert "upstream died" in str(error)
    for status in (202, 204, 206):
        body = b"" if status == 204 else b"{}"
        ends_in(
            stand,
            [Send(response(status, body, headers={"x-should-retry": "true"}))],
            BadResponseError,
            billed="maybe",
            sold=True,
        )
    cookie = response(
        200, b64_answer(png(4)).partition(b"\r\n\r\n")[2], headers={"Set-Cookie": f"id={secrets.token_hex(4)}; Path=/"}
    )
    stand.serve(stand.ledger.sells([Send(cookie)], pictures=[png(4)]), sells(stand.ledger, png(5)))
    stand.bought()
    stand.bought()
    assert all("cookie" not in one.headers for one in stand.server.seen)
    assert not stand.pauses
    stand.verdict()
    campaign.outcome(outcome="BadResponseError; cookies dropped", billed="maybe", kept="raw answer")


MALFORMED = {
    "a flood of headers": b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(2000))
    + b"\r\n{}",
    "one endless header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 20),
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "a header without a name": b"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
    "a status that is no number": b"HTTP/1.1 OK OK\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "bytes": bytes(range(256)) * 8,
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a chunk of absurd length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 4000 + b"\r\n",
    "interim answers and an end": b"HTTP/1.1 103 Early\r\n\r\n" * 100,
}


@pytest.mark.row("H8", injected="header floods, invalid header bytes, conflicting lengths")
def test_a_malformed_answer_may_have_been_billed(stand: Stand, campaign: Campaign) -> None:
    """An answer that is no HTTP is `MaybeBilledError`; nothing hangs, nothing is sent again."""
    for name, data in MALFORMED.items():
        error = ends_in(stand, [Send(data), Close()], MaybeBilledError, billed="maybe", sold=True)
        assert "\x00" not in str(error), name
    both = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"{}")
    stand.serve(stand.ledger.sells([Send(both), Close()]))
    assert stand.refused().billed == "maybe"
    assert stand.posts == 1
    stand.verdict()
    campaign.figure("malformed answers tried", len(MALFORMED) + 1)
    campaign.outcome(outcome="MaybeBilledError, no hang", billed="maybe", kept="record, status unknown")


@pytest.mark.row("H8", injected="endless interim responses (103)")
def test_endless_interim_answers_end_at_the_deadline(tmp_path: Path, campaign: Campaign) -> None:
    """A relay that sends interim answers for ever is left at our deadline, however busy the line is."""
    with on_stand(tmp_path / "a.now", deadline=0.6) as stand:
        endless = [Send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 200)] * 100_000
        stand.serve(stand.ledger.sells(endless))
        with at_once(5):
            error = stand.refused()
        assert isinstance(error, MaybeBilledError)
        assert stand.posts == 1
        stand.verdict()
    campaign.outcome(outcome="MaybeBilledError at the deadline", billed="maybe", kept="record, status unknown")


@pytest.mark.row("H1", injected="a refusal whose body hangs")
def test_a_refusal_is_known_by_its_status_alone(tmp_path: Path, campaign: Campaign) -> None:
    """A refusal whose body never comes is judged by its status when the deadline is over."""
    with on_stand(tmp_path / "a.now", deadline=0.4) as stand:
        stand.serve(stand.ledger.refuses([Send(response(400, b"", length=500)), Hang()]))
        assert isinstance(stand.refused(), RejectedError)
        assert stand.posts == 1
        stand.verdict()
    campaign.outcome(outcome="RejectedError", billed="no", kept="record")
