"""From a `Call` to what goes over the wire: the whole address, and a body that is streamed with a known length.

No input is ever whole in memory: files are read piece by piece while they are sent, also inside JSON as base64. What
has to be converted is converted first, into a temporary file.
"""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias
from urllib.parse import quote, unquote

import httpx
from anyio import open_file

from .._background import run_in_thread
from .._json import JSON
from .._media import identify
from .._messages import BadImageError, InputError
from .._protocol import Call, File
from ._addresses import origin_of, roots_of
from ._conversions import convert

__all__ = ["Body", "Inputs", "open_body", "url_of"]

Inputs: TypeAlias = Callable[[str], Path]

_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~:@!$&'()*+,;=%/-]*(\?[^\s#\\]*)?")
_VERSION = "/v1"
_PIECE = 3 << 16  # bytes of a file at a time; divisible by 3, so that base64 has no padding in between
_BINARY = "application/octet-stream"


# Where to


def url_of(call: Call, base_url: str) -> httpx.URL:
    """Return the whole address of a call.

    Raises:
        InputError: an answer named a place that is not the relay's, or an id that is no part of an address.
        TypeError: the call is not well formed.
    """
    if call.path.count("{}") != len(call.ids):
        raise TypeError(f"{call.path} and {len(call.ids)} ids do not fit")
    ids = map(_segment, call.ids)
    path = re.sub(r"\{\}", lambda _: next(ids), _relative(call.path, base_url))
    bare = path.partition("?")[0]
    if not _PATH.fullmatch(path) or any(_is_dots(unquote(one)) for one in bare.split("/")):
        raise _no_part(path)
    api, host = roots_of(base_url)
    root = api if call.base == "api" else host
    if call.path.startswith("http"):
        root = origin_of(base_url)
    elif call.base == "api" and path.startswith(f"{_VERSION}/"):
        path = path.removeprefix(_VERSION)  # the root brings the relay's own version along
    url = httpx.URL(root + path)
    return url.copy_merge_params(dict(call.query)) if call.query else url


def _relative(path: str, base_url: str) -> str:
    """Return the path of an address that an answer may have named as a whole."""
    if not path.startswith(("http://", "https://")):
        return path
    origin = origin_of(base_url)
    host = path.partition("//")[2].partition("/")[0]
    if "@" in host or "\\" in host or origin_of(path) != origin:
        raise _no_part(path)
    return "/" + path.partition("//")[2].partition("/")[2]


def _segment(name: str) -> str:
    if not name or _is_dots(name):
        raise _no_part(name)
    return quote(name, safe="")


def _is_dots(segment: str) -> bool:
    return segment in (".", "..")


def _no_part(value: str) -> InputError:
    return InputError(
        "{value} is no part of the relay's address", advice="tell the relay", value=repr(value.partition("?")[0][:80])
    )


# What


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A file inside a body."""

    path: Path
    size: int
    is_base64: bool

    @property
    def length(self) -> int:
        """How many bytes it takes on the wire."""
        return (self.size + 2) // 3 * 4 if self.is_base64 else self.size

    async def read(self) -> AsyncIterator[bytes]:
        """Yield what goes over the wire."""
        async with await open_file(self.path, "rb") as file:
            while piece := await file.read(_PIECE):
                yield b64encode(piece) if self.is_base64 else piece


class Body:
    """A body that can be sent more than once; `headers` say how long it is and what it holds."""

    def __init__(self, parts: Sequence[bytes | _Part], media_type: str) -> None:
        self._parts = parts
        length = sum(len(part) if isinstance(part, bytes) else part.length for part in parts)
        self.headers = {"Content-Type": media_type, "Content-Length": str(length)}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                async for piece in part.read():
                    yield piece


async def open_body(call: Call, inputs: Inputs, undo: ExitStack) -> Body | None:
    """Return the body of a call; `undo` removes what had to be converted for it.

    Raises:
        NowImageError: an input cannot be read or converted.
        TypeError: something in the call cannot be sent, such as a `Later` that nobody filled in.
    """
    if call.json is None and call.form is None:
        return None
    return await run_in_thread(_build, call, _Inserter(inputs, undo))


def _build(call: Call, inserter: _Inserter) -> Body:
    if call.form is None:
        return Body(list(_json_parts(call.json, inserter)), "application/json")
    if call.json is not None:
        raise TypeError("a call has one body, not JSON and a form")
    boundary = secrets.token_hex(16)
    parts = [part for name, value in call.form for part in _field(name, value, boundary, inserter)]
    return Body([*parts, f"--{boundary}--\r\n".encode()], f"multipart/form-data; boundary={boundary}")


def _json_parts(body: object, inserter: _Inserter) -> Iterator[bytes | _Part]:
    """Yield JSON, in which a word that nobody can guess stood in for each file."""
    stand_in = secrets.token_hex(16)
    files: list[File] = []

    def encode(value: object) -> JSON:
        if isinstance(value, Mapping):
            return dict(value)
        if not isinstance(value, File) or value.form == "file":
            raise TypeError(f"{value!r} cannot be sent as JSON")
        files.append(value)
        return stand_in

    texts = json.dumps(body, default=encode, allow_nan=False).encode("ascii").split(stand_in.encode("ascii"))
    yield texts[0]
    for file, text in zip(files, texts[1:], strict=True):
        yield from inserter.insert_text(file)
        yield text


def _field(name: str, value: object, boundary: str, inserter: _Inserter) -> Iterator[bytes | _Part]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(value, str):
        yield f"{head}\r\n\r\n".encode() + value.encode("utf-8", "replace")
    elif not isinstance(value, File):
        raise TypeError(f"{value!r} cannot be sent in a form")
    elif value.form == "file":
        part, mime, suffix = inserter.prepare(value)
        file_name = (re.sub(r"\W", "", name, flags=re.ASCII) or "file") + suffix
        yield f'{head}; filename="{file_name}"\r\nContent-Type: {mime}\r\n\r\n'.encode()
        yield part
    else:
        yield f"{head}\r\n\r\n".encode()
        yield from inserter.insert_text(value)
    yield b"\r\n"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


class _Inserter:
    """Finds the files of a body, and converts them where they ask for it."""

    def __init__(self, inputs: Inputs, undo: ExitStack) -> None:
        self._inputs = inputs
        self._undo = undo

    def prepare(self, file: File) -> tuple[_Part, str, str]:
        """Return a file as part of a body, its media type, and the suffix of its name."""
        try:
            return self._prepare(file)
        except OSError as problem:  # a disk without room for what is converted, an input that goes at this moment
            reason = problem.strerror or type(problem).__name__
        raise BadImageError("this file cannot be read ({reason}): {path}", billed="no", reason=reason, path=file.sha256)

    def _prepare(self, file: File) -> tuple[_Part, str, str]:
        path = self._inputs(file.sha256)
        media = identify(path)
        if file.convert and not (file.convert == "png" and media is not None and media.mime == "image/png"):
            folder = Path(self._undo.enter_context(TemporaryDirectory(prefix="now_jupyter-")))
            path = convert(path, file.convert, folder / "converted.png")
            media = identify(path)
        part = _Part(path=path, size=path.stat().st_size, is_base64=file.form != "file")
        return (part, media.mime, media.suffix) if media else (part, _BINARY, path.suffix)

    def insert_text(self, file: File) -> Iterator[bytes | _Part]:
        """Yield a file as the text that it is in JSON."""
        part, mime, _ = self.prepare(file)
        if file.form == "data-uri":
            yield f"data:{mime};base64,".encode("ascii")
        yield part
