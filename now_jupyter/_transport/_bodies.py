"""What an answer's body holds: bounded unpacking of what nobody asked to be packed, and JSON as relays write it."""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator

from .._json import JSON
from .._messages import NowImageError

__all__ = ["PACKED", "Inflater", "read_json", "whole_items"]

PACKED = ("gzip", "x-gzip", "deflate")
_GZIP = b"\x1f\x8b"
_ZLIB_METHOD = 8
_PICTURE_LIST = re.compile(r'"(?:data|images|output)"\s*:\s*\[\s*')
_BETWEEN = re.compile(r"\s*,?\s*")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_PIECE = 1 << 20
_STEP = 1 << 16
_DECODER = json.JSONDecoder()
_MOST_ITEMS = 1000
_MOST_VALUES = 1 << 20  # of one document: small ones take twenty times their text in memory


class Inflater:
    """Unpacks a body chunk by chunk; what goes beyond `cap` bytes raises what `excess` makes.

    A body that is said to be packed and is not passes as it is: it may have been paid for. Where unpacking is not
    possible, `is_readable` turns false and nothing more comes out.
    """

    def __init__(self, encoding: str, *, cap: int, excess: Callable[[], NowImageError]) -> None:
        self._encoding = encoding.strip().lower()
        self._cap = cap
        self._excess = excess
        self._size = 0
        self._start = b""
        self.last = b""  # what still fitted when it became too much
        self._unpack: Callable[[bytes], Iterable[bytes]] | None = None if self._encoding in PACKED else _as_it_is
        self.is_readable = self._encoding in ("", "identity", *PACKED)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give what the next bytes come to; what was packed, a piece of at most 1 MiB after the other."""
        if self._unpack is None:
            chunk, self._start = self._start + chunk, b""
            if len(chunk) < len(_GZIP):
                self._start = chunk
                return
            self._unpack = self._chosen(chunk)
        if self.is_readable:
            yield from map(self._counted, self._unpack(chunk))

    def end(self) -> bytes:
        """Give what was held back."""
        return self._start if self._unpack is None else b""

    def _chosen(self, start: bytes) -> Callable[[bytes], Iterable[bytes]]:
        if self._encoding == "deflate":
            has_head = start[0] & 0x0F == _ZLIB_METHOD and int.from_bytes(start[:2], "big") % 31 == 0
            return self._unpacking(zlib.decompressobj(zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS))
        if start.startswith(_GZIP):
            return self._unpacking(zlib.decompressobj(zlib.MAX_WBITS | 16))
        return _as_it_is

    def _unpacking(self, packed: zlib._Decompress) -> Callable[[bytes], Iterable[bytes]]:
        def unpack(chunk: bytes) -> Iterator[bytes]:
            try:
                for start in range(0, len(chunk), _STEP):
                    yield from _pieces_of(chunk[start : start + _STEP], packed)
            except zlib.error:
                self.is_readable = False

        return unpack

    def _counted(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > self._cap:
            self.last = data[: self._cap - self._size]
            raise self._excess()
        return data


def _pieces_of(chunk: bytes, packed: zlib._Decompress) -> Iterator[bytes]:
    """Unpack a little at a time: 64 KiB may come to 64 MiB."""
    piece = b""
    while chunk or len(piece) == _PIECE:  # a full piece may have left some of it inside
        piece = packed.decompress(chunk, _PIECE)
        chunk = packed.unconsumed_tail
        yield piece


def _as_it_is(chunk: bytes) -> Iterable[bytes]:
    return (chunk,)


def read_json(data: bytes | str) -> JSON:
    """Read JSON, with a byte-order mark, broken characters and numbers that are none forgiven.

    Raises:
        ValueError: it is no JSON, or one made to fill the memory.
    """
    text = data if isinstance(data, str) else _text_of(data)
    if sum(text.count(sign) for sign in ",[{") > _MOST_VALUES:
        raise ValueError("too many values")
    try:
        value: JSON = json.loads(text, parse_constant=_no_number)
        return _whole(value) if _may_hold_halves(text) else value
    except RecursionError:
        pass
    raise ValueError("nested too deeply")


def whole_items(data: bytes) -> list[JSON]:
    """Give the items of the list of pictures that are whole in an answer that was cut off."""
    text = _text_of(data)
    found = _PICTURE_LIST.search(text)
    items: list[JSON] = []
    at = found.end() if found else len(text)
    while text[at : at + 1] == "{" and len(items) < _MOST_ITEMS:
        try:
            item, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        items.append(_whole(item))
        between = _BETWEEN.match(text, end)
        at = between.end() if between else end
    return items


def _text_of(data: bytes) -> str:
    """Decode JSON; one character outside of ASCII would make a long text two or four times as large, so it is escaped.

    (Outside of strings, where an escape means nothing, such a character means nothing either.)
    """
    if data.isascii():
        return data.decode("ascii")
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    pieces = (decoder.decode(data[at : at + _PIECE], at + _PIECE >= len(data)) for at in range(0, len(data), _PIECE))
    return "".join(_FOREIGN.sub(_escaped, piece) for piece in pieces)


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def _may_hold_halves(text: str) -> bool:
    """Half a surrogate pair could be written to no file; one character is looked for first, as that is much faster."""
    return "\\" in text and ("\\ud" in text or "\\uD" in text)


def _no_number(_name: str) -> None:
    return None


def _whole(value: JSON) -> JSON:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {str(_whole(name)): _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value
