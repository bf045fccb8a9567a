"""Foreign exceptions become errors of ours here, and nowhere else.

Their frames and contexts can hold the request with its key, so nothing of them is kept but a few words: what is raised
instead has neither cause nor context. Two directions, two context managers: `from_network` and `from_disk`.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import h11
import httpcore
import httpx

from .._messages import (
    BadResponseError,
    ConnectFailed,
    MaybeBilledError,
    NowImageError,
    StoreFull,
    StoreUnavailable,
)
from ._proxies import Proxy

__all__ = ["UNTRUSTED", "free_error", "from_disk", "from_network", "is_timeout", "paid_error", "send_error", "words_of"]

UNTRUSTED = "certificate"  # the code of a failure that no repetition mends
_PROXY_WANTS_LOGIN = "407"
_OUT_OF_TIME = (9, 10)  # OpenSSL: not yet valid, has expired

# With TimeoutError, ssl.SSLError, socket.gaierror; UnicodeError, JSONDecodeError.
_BUILT_IN = (EOFError, MemoryError, OSError, RecursionError, ValueError, zlib.error)
_LIBRARIES = ("anyio", "h11", "httpcore", "httpx", "socksio")
_NOT_HTTP = (httpx.RemoteProtocolError, httpcore.RemoteProtocolError, h11.RemoteProtocolError)
_OURS = (httpx.LocalProtocolError, httpcore.LocalProtocolError, h11.LocalProtocolError)
_DEEPEST = 12  # links of a chain of causes that are looked at


class _Translation:
    """Raises our error instead of a foreign one; not by `contextlib`, whose frames would keep the foreign one alive."""

    def __init__(self, is_foreign: Callable[[object], bool], judge: Callable[[Any], NowImageError]) -> None:
        self._is_foreign = is_foreign
        self._judge = judge

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_foreign(problem):
            return
        error = self._judge(problem)
        del problem, traceback
        try:
            raise error
        finally:
            # Python hangs the foreign exception on while it raises, as the `with` is still handling it.
            error.__context__ = None
            del error  # else the traceback would hold this frame, and this frame the traceback


def from_network(judge: Callable[[Exception], NowImageError]) -> _Translation:
    """Raise what `judge` makes of a foreign exception instead of it."""
    return _Translation(_is_of_network, judge)


def from_disk() -> _Translation:
    """Raise our error instead of what the file system says."""
    return _Translation(lambda problem: isinstance(problem, OSError), _disk_error)


def _is_of_network(problem: object) -> bool:
    library = type(problem).__module__.partition(".")[0]
    return isinstance(problem, _BUILT_IN) or (isinstance(problem, Exception) and library in _LIBRARIES)


def _disk_error(problem: OSError) -> NowImageError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull("no space is left for the picture", advice="make room, then %now resume", billed="yes")
    return StoreUnavailable(
        "the picture cannot be written: {reason}",
        advice="look at the folder, then %now resume",
        billed="yes",
        reason=problem.strerror or type(problem).__name__,
    )


def words_of(problem: BaseException) -> str:
    """Return the words of a foreign exception, or its name where they could repeat what was sent or received."""
    words = "" if isinstance(problem, _OURS) else str(problem)
    if isinstance(problem, _NOT_HTTP):
        words = words.partition(":")[0]  # behind it h11 quotes the line that it could not read
    return words or type(problem).__name__


def is_timeout(problem: BaseException) -> bool:
    """Whether time ran out."""
    return isinstance(problem, (TimeoutError, httpx.TimeoutException, httpcore.TimeoutException))


def send_error(problem: Exception, *, host: str, proxy: Proxy | None = None) -> NowImageError:
    """Return why no connection came about."""
    causes = {type(one): one for one in _chain(problem)}
    words = words_of(problem)
    untrusted = causes.get(ssl.SSLCertVerificationError)
    if isinstance(untrusted, ssl.SSLCertVerificationError):
        return ConnectFailed(
            "the certificate of {host} is not trusted: {words}",
            advice="is this machine's clock right? it says {now}; if it is, the certificate has to be renewed there"
            if untrusted.verify_code in _OUT_OF_TIME
            else "where your network has a certificate authority of its own, name its file in SSL_CERT_FILE",
            code=UNTRUSTED,
            host=host,
            words=untrusted.verify_message,
            now=time.strftime("%Y-%m-%d %H:%M"),
        )
    if proxy is not None:
        return ConnectFailed(
            "the proxy {proxy} did not connect us to {host}: {words}",
            advice="put user name and password into {variable}, as http://NAME:PASSWORD@HOST:PORT; nothing was sent"
            if words.startswith(_PROXY_WANTS_LOGIN)
            else "look at {variable} and NO_PROXY; nothing was sent",
            proxy=proxy.origin,
            variable=proxy.variable,
            host=host,
            words=words,
        )
    if socket.gaierror in causes:
        return ConnectFailed("the name {host} cannot be found", advice="check the address and the network", host=host)
    if ConnectionRefusedError in causes:
        return ConnectFailed(
            "nothing answers at {host}", advice="is the relay running there? check address and port", host=host
        )
    if is_timeout(problem):
        return ConnectFailed(
            "no connection to {host} came about in time", advice="check the network, then try again", host=host
        )
    is_tls = any(issubclass(kind, ssl.SSLError) for kind in causes)
    return ConnectFailed(
        "no secure connection to {host} came about: {words}"
        if is_tls
        else "no connection to {host} came about: {words}",
        advice="check the address: https:// or http://, and the port"
        if is_tls
        else "check the network, then try again",
        host=host,
        words=words,
    )


def _chain(problem: BaseException, depth: int = 0) -> Iterator[BaseException]:
    yield problem
    if depth == _DEEPEST:
        return
    if isinstance(problem, BaseExceptionGroup):
        for one in problem.exceptions:
            yield from _chain(one, depth + 1)
    if (origin := problem.__cause__ or problem.__context__) is not None:
        yield from _chain(origin, depth + 1)


def paid_error(problem: Exception, *, seconds: float, has_begun: bool, request_id: str | None) -> NowImageError:
    """Return how a paid call ended after bytes of it went out: nobody knows whether it was billed."""
    if is_timeout(problem):
        return MaybeBilledError(
            "the relay did not answer completely within {seconds} s",
            advice="%now resume looks for it, free; --fresh orders again",
            request_id=request_id,
            seconds=f"{seconds:g}",
        )
    return MaybeBilledError(
        "the connection broke in the middle of the answer"
        if has_begun
        else "what came back is not a whole HTTP answer: {words}"
        if isinstance(problem, _NOT_HTTP)
        else "the connection broke before the relay answered",
        kept="what came of it is kept" if has_begun else "",
        advice="%now resume looks for it, free; --fresh orders again",
        request_id=request_id,
        words=words_of(problem),
    )


def free_error(problem: Exception, *, seconds: float) -> NowImageError:
    """Return how a free call ended after it went out."""
    return BadResponseError(
        "the relay did not answer within {seconds} s"
        if is_timeout(problem)
        else "the connection to the relay broke: {words}",
        advice="try again later",
        billed="no",
        seconds=f"{seconds:g}",
        words=words_of(problem),
    )
