"""How a picture was made, kept inside its file: written without touching a pixel, read back from hostile bytes.

PNG    iTXt chunks: `now_jupyter` (JSON), `Description` (the prompt) and `Software`, behind the header
JPEG   APP1 with XMP; a record too long for one segment is not put in
WebP   an XMP chunk, and the VP8X header that announces it

A file with a C2PA signature is signed over its bytes, so nothing is put into it. XMP of others is kept: ours is one
`rdf:Description` more in their packet. Chunks of ours are told by their translated keyword or their namespace, so that
embedding twice replaces.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from xml.sax.saxutils import escape

from .._json import JSON
from .._messages import BadImageError
from ._containers import (
    VP8X_XMP,
    CutOffError,
    DamagedError,
    Part,
    body_of,
    inflate,
    jpeg_segments,
    png_chunks,
    riff_chunk,
    webp_chunks,
    webp_file,
)
from ._decoding import open_picture
from ._foreign import read_foreign
from ._types import identify

__all__ = ["embed", "extract"]

_OURS = "now_jupyter"
_LARGEST = 1 << 20
_MOST_TEXTS = 64
_TEXT_KINDS = {b"tEXt", b"zTXt", b"iTXt"}
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_LARGEST_SEGMENT = 65_533
_NAMESPACE = "urn:now-jupyter:1"
_MADE = re.compile(r"<now:made[^<>]{0,200}>([^<]*)</now:made>")
_DESCRIBED = re.compile(r"<dc:description[^<>]{0,200}>\s*+(?:<rdf:Alt[^<>]{0,200}>\s*+<rdf:li[^<>]{0,200}>)?([^<]*)</")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BLOCK_START = f'<rdf:Description rdf:about="" xmlns:now="{_NAMESPACE}"'
_BLOCK_END = "</rdf:Description>"
_EMPTY_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
_END_OF_RDF = "</rdf:RDF>"
_VP8X_ALPHA = 0x10
_VP8X_SIZE = 10  # flags, reserved, width, height
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, zlib.error)


def embed(data: bytes, made: Mapping[str, JSON]) -> bytes:
    """Return the same picture with `made` in it; bytes that cannot hold it, or are signed, come back as they are."""
    write = _WRITERS.get(_mime_of(data))
    try:
        return write(data, made) if write else data
    except (DamagedError, BadImageError):
        return data


def extract(data: bytes) -> dict[str, JSON] | None:
    """Return how a picture was made: what `embed` wrote, else what other tools wrote; None where there is nothing."""
    read = _READERS.get(_mime_of(data))
    try:
        return read(data) if read else None
    except _UNREADABLE:
        return None


def _mime_of(data: bytes) -> str:
    media = identify(data)
    return media.mime if media else ""


def _json_of(made: Mapping[str, JSON]) -> str:
    """Write JSON that may stand in XML and in UTF-8; the odd characters can only be within strings."""
    text = json.dumps(dict(made), ensure_ascii=False, separators=(",", ":"))
    return _NOT_XML.sub(lambda odd: f"\\u{ord(odd[0]):04x}", text)


def _made_from(text: str) -> dict[str, JSON] | None:
    made = json.loads(text, parse_constant=_refuse_constant)
    return made if isinstance(made, dict) else None


def _refuse_constant(word: str) -> JSON:
    raise ValueError(word)


def _prompt_of(made: Mapping[str, JSON]) -> str:
    prompt = made.get("prompt")
    return _NOT_XML.sub("", prompt) if isinstance(prompt, str) else ""


# PNG


def _write_png(data: bytes, made: Mapping[str, JSON]) -> bytes:
    head, *rest = png_chunks(data)
    if any(chunk.kind == b"caBX" for chunk in rest):
        return data
    kept = [data[chunk.start : chunk.end] for chunk in rest if not _is_ours(data, chunk)]
    texts = {_OURS: _json_of(made), "Description": _prompt_of(made), "Software": _OURS}
    ours = [_itxt(keyword, text) for keyword, text in texts.items() if text]
    return b"".join([data[: head.end], *ours, *kept, data[rest[-1].end :]])


def _itxt(keyword: str, text: str) -> bytes:
    body = b"iTXt" + keyword.encode() + b"\0\0\0\0" + _OURS.encode() + b"\0" + text.encode()
    return (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def _is_ours(data: bytes, chunk: Part) -> bool:
    if chunk.kind != b"iTXt":
        return False
    _, _, rest = data[chunk.first : min(chunk.last, chunk.first + 256)].partition(b"\0")
    return rest[2:].partition(b"\0")[2].startswith(_OURS.encode() + b"\0")


def _read_png(data: bytes) -> dict[str, JSON] | None:
    texts = dict(_png_texts(data))
    return _made_from(texts[_OURS]) if _OURS in texts else read_foreign(texts)


def _png_texts(data: bytes) -> Iterator[tuple[str, str]]:
    seen = room = 0
    for chunk in png_chunks(data):
        if chunk.kind not in _TEXT_KINDS or chunk.last - chunk.first > _LARGEST:
            continue
        seen += 1
        text = _png_text(chunk.kind, body_of(data, chunk))
        room += len(text[1]) if text else 0
        if seen > _MOST_TEXTS or room > _LARGEST:
            return
        if text:
            yield text


def _png_text(kind: bytes, body: bytes) -> tuple[str, str] | None:
    keyword, _, rest = body.partition(b"\0")
    try:
        if kind == b"tEXt":
            return keyword.decode("latin-1"), _utf8_or_latin(rest)
        if kind == b"zTXt":
            return keyword.decode("latin-1"), _utf8_or_latin(inflate(rest[1:], _LARGEST))
        _, _, text = rest[2:].partition(b"\0")[2].partition(b"\0")
        plain = inflate(text, _LARGEST) if rest[:1] == b"\1" else text
        return keyword.decode("latin-1"), plain.decode()
    except ValueError:
        return None


def _utf8_or_latin(text: bytes) -> str:
    try:
        return text.decode()  # many tools write UTF-8 where the standard says Latin-1
    except UnicodeDecodeError:
        return text.decode("latin-1")


# XMP


def _packet(foreign: bytes, made: Mapping[str, JSON]) -> bytes:
    """Return a packet with our block in it; `foreign` is the packet that was there."""
    packet = _without_our_block(foreign.decode("utf-8", "replace"))
    if _END_OF_RDF not in packet:
        packet = _EMPTY_PACKET
    spaces, words = _common_words(packet, _prompt_of(made))
    block = f"{_BLOCK_START}{spaces}><now:made>{escape(_json_of(made))}</now:made>{words}{_BLOCK_END}"
    before, end, after = packet.rpartition(_END_OF_RDF)
    return f"{before}{block}{end}{after}".encode()


def _without_our_block(packet: str) -> str:
    before, start, rest = packet.partition(_BLOCK_START)
    ours, end, after = rest.partition(_BLOCK_END)
    is_whole = start and end and "<rdf:Description" not in ours  # another tool may have written it anew
    return before + after if is_whole else packet


def _common_words(packet: str, prompt: str) -> tuple[str, str]:
    """Return description and tool in the common vocabulary, where nobody else has given them."""
    spaces = words = ""
    if prompt and "description" not in packet:
        spaces += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        item = f'<rdf:li xml:lang="x-default">{escape(prompt[:2000])}</rdf:li>'
        words += f"<dc:description><rdf:Alt>{item}</rdf:Alt></dc:description>"
    if "CreatorTool" not in packet:
        spaces += ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        words += f"<xmp:CreatorTool>{_OURS}</xmp:CreatorTool>"
    return spaces, words


def _read_xmp(packet: bytes) -> dict[str, JSON] | None:
    if not packet or len(packet) > _LARGEST or b"<!DOCTYPE" in packet:
        return None
    text = packet.decode()
    if blocks := _MADE.findall(text):
        return _made_from(unescape(blocks[-1]))  # one that another tool has rewritten may stand before it
    described = _DESCRIBED.search(text)
    return read_foreign({"Description": unescape(described[1]).strip()}) if described else None


# JPEG


def _write_jpeg(data: bytes, made: Mapping[str, JSON]) -> bytes:
    segments = list(jpeg_segments(data))
    old = next((segment for segment in segments if _is_xmp(data, segment)), None)
    packet = _XMP + _packet(body_of(data, old)[len(_XMP) :] if old else b"", made)
    if len(packet) > _LARGEST_SEGMENT or any(_is_signature(data, segment) for segment in segments):
        return data
    start = end = _behind_head(data, segments)
    if old:
        start, end = old.start, old.end
    return data[:start] + b"\xff\xe1" + (len(packet) + 2).to_bytes(2) + packet + data[end:]


def _is_xmp(data: bytes, segment: Part) -> bool:
    return segment.kind == b"\xe1" and data.startswith(_XMP, segment.first, segment.last)


def _is_signature(data: bytes, segment: Part) -> bool:
    return segment.kind == b"\xeb" and data.startswith(b"JP", segment.first, segment.last)


def _behind_head(data: bytes, segments: list[Part]) -> int:
    """Return the place behind JFIF and EXIF, which want to be first."""
    for segment in segments:
        if segment.kind != b"\xe0" and not data.startswith(b"Exif\0", segment.first, segment.last):
            return segment.start
    raise CutOffError("it ends too early")


def _read_jpeg(data: bytes) -> dict[str, JSON] | None:
    packets = (body_of(data, one)[len(_XMP) :] for one in jpeg_segments(data) if _is_xmp(data, one))
    return _read_xmp(next(packets, b""))


# WebP


def _write_webp(data: bytes, made: Mapping[str, JSON]) -> bytes:
    chunks = list(webp_chunks(data))
    if any(chunk.kind == b"C2PA" for chunk in chunks):
        return data
    if not chunks:
        raise CutOffError("it ends too early")
    foreign = next((body_of(data, chunk) for chunk in chunks if chunk.kind == b"XMP "), b"")
    kept = [data[one.start : one.end] for one in chunks if one.kind not in (b"XMP ", b"VP8X")]
    parts = [_vp8x(data, chunks[0]), *kept, riff_chunk(b"XMP ", _packet(foreign, made))]
    return webp_file(parts, rest=data[chunks[-1].end :])


def _vp8x(data: bytes, first: Part) -> bytes:
    """Return the header that announces metadata; a simple file gets one, with its size and alpha flag."""
    if first.kind == b"VP8X":
        body = body_of(data, first)
        if len(body) < _VP8X_SIZE:
            raise DamagedError("it has no size")
        return riff_chunk(b"VP8X", bytes([body[0] | VP8X_XMP]) + body[1:])
    image = open_picture(data).image
    flags = VP8X_XMP | (_VP8X_ALPHA if image.mode == "RGBA" else 0)
    canvas = b"".join((side - 1).to_bytes(3, "little") for side in image.size)
    return riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + canvas)


def _read_webp(data: bytes) -> dict[str, JSON] | None:
    packets = (body_of(data, chunk) for chunk in webp_chunks(data) if chunk.kind == b"XMP ")
    return _read_xmp(next(packets, b""))


_WRITERS: dict[str, Callable[[bytes, Mapping[str, JSON]], bytes]] = {
    "image/png": _write_png,
    "image/jpeg": _write_jpeg,
    "image/webp": _write_webp,
}
_READERS: dict[str, Callable[[bytes], dict[str, JSON] | None]] = {
    "image/png": _read_png,
    "image/jpeg": _read_jpeg,
    "image/webp": _read_webp,
}
