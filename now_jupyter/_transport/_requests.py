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
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote, urlsplit

import httpx
from anyio import open_file

from .._background import run_in_thread
from .._json import JSON
from .._media import decode, identify, region_of, to_alpha
from .._messages import BadImageError, InputError
from .._protocol import Call, File
from ._addresses import origin_of, roots_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Body", "Inputs", "open_body", "url_of"]

Inputs: TypeAlias = Callable[[str], Path]

_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~:@!$&'()*+,;=%/-]*(\?[^\s#\\]*)?")
_OPAQUE = 255
_WRITTEN = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that a PNG has and services read
_PIECE = 3 << 16  # bytes of a file at a time; divisible by 3, so that base64 has no padding in between


def url_of(call: Call, base_url: str) -> httpx.URL:
    """Return the whole address of a call; a place that is not the relay's, or an id that is none, is an InputError."""
    if call.path.count("{}") != len(call.ids):
        raise TypeError(f"{call.path} and {len(call.ids)} ids do not fit")
    api, host = roots_of(base_url)
    root, path = api if call.base == "api" else host, call.path
    if path.startswith(("http://", "https://")):  # an answer named it as a whole
        root = origin_of(base_url)
        place, _, rest = path.partition("//")[2].partition("/")
        if "@" in place or "\\" in place or origin_of(path) != root:
            raise _no_part(path)
        path = f"/{rest}"
    elif call.base == "api" and path.startswith("/v1/"):
        path = path.removeprefix("/v1")  # the root brings the relay's own version along
    elif call.expects == "file" and path.startswith(f"{urlsplit(root).path}/"):
        root = origin_of(base_url)  # an answer named its file from the origin on
    if not all(call.ids):
        raise _no_part(call.path)
    ids = (quote(one, safe="", errors="replace") for one in call.ids)
    path = re.sub(r"\{\}", lambda _: next(ids), path)
    segments = map(unquote, path.partition("?")[0].split("/"))
    if not _PATH.fullmatch(path) or not {".", ".."}.isdisjoint(segments):
        raise _no_part(path)
    with suppress(httpx.InvalidURL):
        url = httpx.URL(root + path)
        return url.copy_merge_params(dict(call.query)) if call.query else url
    raise _no_part(path)  # too long


def _no_part(value: str) -> InputError:
    return InputError(
        "{value} is no part of the relay's address", advice="tell the relay", value=repr(value.partition("?")[0][:80])
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A file inside a body."""

    path: Path
    is_base64: bool
    size: int

    def __len__(self) -> int:
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
        self.headers = {"Content-Type": media_type, "Content-Length": str(sum(map(len, parts)))}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                async for piece in part.read():
                    yield piece


async def open_body(call: Call, inputs: Inputs, undo: ExitStack) -> Body | None:
    """Return the body of a call; `undo` removes what had to be converted for it.

    It is a TypeError where something in the call cannot be sent, such as a `Later` that nobody filled in.
    """
    if call.json is None and call.form is None:
        return None
    if call.json is not None and call.form is not None:
        raise TypeError("a call has one body, not JSON and a form")
    return await run_in_thread(_build, call, _Inserter(inputs, undo))


def _build(call: Call, inserter: _Inserter) -> Body:
    if call.form is None:
        return Body(list(_json_parts(call.json, inserter)), "application/json")
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
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{quoted}"'
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


@dataclass(frozen=True, slots=True)
class _Inserter:
    """Finds the files of a body, and converts them where they ask for it."""

    inputs: Inputs
    undo: ExitStack

    def prepare(self, file: File) -> tuple[_Part, str, str]:
        """Return a file as part of a body, its media type, and the suffix of its name."""
        try:
            path = self.inputs(file.sha256)
            media = identify(path)
            if file.convert and not (file.convert == "png" and media is not None and media.mime == "image/png"):
                folder = Path(self.undo.enter_context(TemporaryDirectory(prefix="now_jupyter-")))
                _CONVERSIONS[file.convert](decode(path.read_bytes())).save(folder / "converted.png")
                path = folder / "converted.png"
                media = identify(path)
            part = _Part(path, file.form != "file", path.stat().st_size)
            return (part, media.mime, media.suffix) if media else (part, "application/octet-stream", path.suffix)
        except BadImageError as problem:
            problem.billed = "no"  # nothing has been sent
            raise
        except OSError as problem:  # a disk without room for what is converted, an input that goes at this moment
            reason = problem.strerror or type(problem).__name__
        raise BadImageError("this file cannot be read ({reason}): {path}", billed="no", reason=reason, path=file.sha256)

    def insert_text(self, file: File) -> Iterator[bytes | _Part]:
        """Yield a file as the text that it is in JSON."""
        part, mime, _ = self.prepare(file)
        if file.form == "data-uri":
            yield f"data:{mime};base64,".encode("ascii")
        yield part


def _invert(channel: Image) -> Image:
    return channel.point(lambda value: _OPAQUE - value)


_CONVERSIONS: Mapping[str, Callable[[Image], Image]] = {
    "png": lambda picture: picture if picture.mode in _WRITTEN else picture.convert("RGB"),
    "mask-alpha": to_alpha,
    "mask-white": region_of,
    "mask-black": lambda mask: _invert(region_of(mask)),
}
