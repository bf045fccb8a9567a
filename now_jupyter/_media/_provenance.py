"""How a picture was made, kept inside its file: written without touching a pixel, read back from hostile bytes.

PNG    iTXt chunks: `now_jupyter` (JSON), `Description` (the prompt) and `Software`, behind the header
JPEG   APP1 with XMP; what does not fit into one segment goes into extended XMP segments
WebP   an XMP chunk, and the VP8X header that announces it

XMP of others is kept: ours is one `rdf:Description` more in their packet. Chunks of ours are told by their translated
keyword or their namespace, so that embedding twice replaces.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from xml.parsers import expat
from xml.sax.saxutils import escape

from .._json import JSON
from ._containers import (
    CutOffError,
    DamagedError,
    Part,
    body_of,
    canvas_of_webp,
    inflated,
    jpeg_segments,
    png_chunks,
    webp_chunks,
)
from ._decoding import sniff
from ._foreign import read_foreign

__all__ = ["embed", "extract"]

_OURS = "now_jupyter"
_LARGEST = 1 << 20
_MOST_TEXTS = 64
_TEXT_KINDS = {b"tEXt", b"zTXt", b"iTXt"}
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_LARGEST_SEGMENT = 65_533
_MORE_PIECE = 65_000
_NAMESPACE = "urn:now-jupyter:1"
_MADE = f"{_NAMESPACE} made"
_DESCRIPTION = "http://purl.org/dc/elements/1.1/ description"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BLOCK_START = f'<rdf:Description rdf:about="" xmlns:now="{_NAMESPACE}"'
_BLOCK_END = "</rdf:Description>"
_NOTE = re.compile(f'{re.escape(_BLOCK_START)}[^>]{{0,400}}HasExtendedXMP="([0-9A-F]{{32}})"')
_EMPTY_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
_END_OF_RDF = "</rdf:RDF>"
_VP8X_XMP = 0x04
_VP8X_ALPHA = 0x10
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, zlib.error, expat.ExpatError)


def embed(data: bytes, made: Mapping[str, JSON]) -> bytes:
    """Give the same picture with `made` in it; bytes that are no PNG, JPEG or WebP are given back as they are."""
    write = _WRITERS.get(sniff(data[:16]) or "")
    try:
        return write(data, made) if write else data
    except DamagedError:
        return data


def extract(data: bytes) -> dict[str, JSON] | None:
    """Read how a picture was made: what `embed` wrote, else what other tools wrote; None where there is nothing."""
    read = _READERS.get(sniff(data[:16]) or "")
    try:
        return read(data) if read else None
    except _UNREADABLE:
        return None


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
            return keyword.decode("latin-1"), _utf8_or_latin(inflated(rest[1:], _LARGEST))
        _, _, text = rest[2:].partition(b"\0")[2].partition(b"\0")
        plain = inflated(text, _LARGEST) if rest[:1] == b"\1" else text
        return keyword.decode("latin-1"), plain.decode()
    except ValueError:
        return None


def _utf8_or_latin(text: bytes) -> str:
    try:
        return text.decode()  # many tools write UTF-8 where the standard says Latin-1
    except UnicodeDecodeError:
        return text.decode("latin-1")


# XMP


def _packet(foreign: bytes, body: str, made: Mapping[str, JSON]) -> str:
    """Put our block into a packet, which may be someone else's; `body` is what the block holds or refers to."""
    packet = _without_our_block(foreign.decode("utf-8", "replace"))
    if _END_OF_RDF not in packet:
        packet = _EMPTY_PACKET
    spaces, words = _said_to_people(packet, _prompt_of(made))
    attributes, _, content = body.rpartition("\n")
    block = f"{_BLOCK_START}{spaces}{attributes}>{content}{words}{_BLOCK_END}"
    before, end, after = packet.rpartition(_END_OF_RDF)
    return f"{before}{block}{end}{after}"


def _without_our_block(packet: str) -> str:
    before, start, rest = packet.partition(_BLOCK_START)
    ours, end, after = rest.partition(_BLOCK_END)
    is_whole = start and end and "<rdf:Description" not in ours  # another tool may have written it anew
    return before + after if is_whole else packet


def _said_to_people(packet: str, prompt: str) -> tuple[str, str]:
    """Give description and tool in the common vocabulary, where nobody else has given them."""
    spaces = words = ""
    if prompt and "description" not in packet:
        spaces += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        item = f'<rdf:li xml:lang="x-default">{escape(prompt[:2000])}</rdf:li>'
        words += f"<dc:description><rdf:Alt>{item}</rdf:Alt></dc:description>"
    if "CreatorTool" not in packet:
        spaces += ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        words += f"<xmp:CreatorTool>{_OURS}</xmp:CreatorTool>"
    return spaces, words


def _whole_body(made: Mapping[str, JSON]) -> str:
    return f"\n<now:made>{escape(_json_of(made))}</now:made>"


def _reference_body(guid: str) -> str:
    return f' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{guid}"\n'


def _read_xmp(packet: bytes) -> dict[str, JSON] | None:
    if not packet or len(packet) > _LARGEST:
        return None
    texts = _texts_of_xml(packet.decode())
    return _made_from(texts[_MADE]) if _MADE in texts else read_foreign({"Description": texts.get(_DESCRIPTION, "")})


def _texts_of_xml(packet: str) -> dict[str, str]:
    """Collect the text below the two elements that we read; a document type (entity bombs) is refused."""
    parser = expat.ParserCreate("utf-8", " ")
    texts: dict[str, list[str]] = {}
    open_names: list[str] = []

    def start(name: str, _: object) -> None:
        open_names.append(name)
        if name in (_MADE, _DESCRIPTION):
            texts.setdefault(name, [])

    def text(piece: str) -> None:
        for name in open_names[-3:]:
            if name in texts:
                texts[name].append(piece)

    def refuse(*_: object) -> None:
        raise ValueError("a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_names.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(packet.encode(), True)  # noqa: FBT003 - expat takes no keywords
    return {name: "".join(pieces).strip() for name, pieces in texts.items()}


# JPEG


def _write_jpeg(data: bytes, made: Mapping[str, JSON]) -> bytes:
    segments = list(jpeg_segments(data))
    packets = [segment for segment in segments if _is_xmp(data, segment)]
    foreign = body_of(data, packets[0])[len(_XMP) :] if packets else b""
    ours = _jpeg_xmp(foreign, made)
    if ours is None:
        return data
    note = _NOTE.search(foreign.decode("utf-8", "replace"))
    stale = {segment.start: segment.end for segment in segments if _is_more_of(data, segment, note)}
    stale |= {segment.start: segment.end for segment in packets[:1]}
    at = packets[0].start if packets else _behind_head(data, segments)
    return _without(data[:at], 0, stale) + ours + _without(data[at:], at, stale)


def _jpeg_xmp(foreign: bytes, made: Mapping[str, JSON]) -> bytes | None:
    """Give the segments that hold `made`; None where they cannot stand beside what is there."""
    packet = _packet(foreign, _whole_body(made), made).encode()
    if len(_XMP) + len(packet) <= _LARGEST_SEGMENT:
        return _app1(_XMP + packet)
    more = _packet(b"", _whole_body(made), {}).encode()
    guid = hashlib.md5(more, usedforsecurity=False).hexdigest().upper()
    packet = _packet(foreign, _reference_body(guid), made).encode()
    if len(_XMP) + len(packet) > _LARGEST_SEGMENT or packet.count(b"HasExtendedXMP") > 1:
        return None
    head = _XMP_MORE + guid.encode() + len(more).to_bytes(4)
    pieces = range(0, len(more), _MORE_PIECE)
    return _app1(_XMP + packet) + b"".join(_app1(head + at.to_bytes(4) + more[at : at + _MORE_PIECE]) for at in pieces)


def _app1(body: bytes) -> bytes:
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body


def _is_xmp(data: bytes, segment: Part) -> bool:
    return segment.kind == b"\xe1" and data.startswith(_XMP, segment.first, segment.last)


def _is_more(data: bytes, segment: Part) -> bool:
    return segment.kind == b"\xe1" and data.startswith(_XMP_MORE, segment.first, segment.last)


def _is_more_of(data: bytes, segment: Part, note: re.Match[str] | None) -> bool:
    return note is not None and _is_more(data, segment) and _guid(data, segment) == note[1].encode()


def _guid(data: bytes, segment: Part) -> bytes:
    return body_of(data, segment)[len(_XMP_MORE) :][:32]


def _behind_head(data: bytes, segments: list[Part]) -> int:
    """Find the place behind JFIF and EXIF, which want to be first."""
    for segment in segments:
        if segment.kind != b"\xe0" and not data.startswith(b"Exif\0", segment.first, segment.last):
            return segment.start
    raise CutOffError("it ends too early")


def _without(data: bytes, offset: int, stale: Mapping[int, int]) -> bytes:
    """Leave out the stale segments; `offset` is where `data` begins in the file."""
    pieces, at = [], 0
    for start, end in sorted(stale.items()):
        if offset <= start < offset + len(data):
            pieces.append(data[at : start - offset])
            at = end - offset
    return b"".join([*pieces, data[at:]])


def _read_jpeg(data: bytes) -> dict[str, JSON] | None:
    segments = list(jpeg_segments(data))
    packet = next((body_of(data, one)[len(_XMP) :] for one in segments if _is_xmp(data, one)), b"")
    if note := _NOTE.search(packet.decode("utf-8", "replace")):
        packet = _joined([body_of(data, one) for one in segments if _is_more_of(data, one, note)])
    return _read_xmp(packet)


def _joined(bodies: list[bytes]) -> bytes:
    head = len(_XMP_MORE) + 32
    pieces = sorted((int.from_bytes(body[head + 4 : head + 8]), body[head + 8 :]) for body in bodies)
    return b"".join(piece for _, piece in pieces)


# WebP


def _write_webp(data: bytes, made: Mapping[str, JSON]) -> bytes:
    chunks = list(webp_chunks(data))
    foreign = next((body_of(data, chunk) for chunk in chunks if chunk.kind == b"XMP "), b"")
    packet = _packet(foreign, _whole_body(made), made).encode()
    kept = [_even(data[one.start : one.end]) for one in chunks if one.kind not in (b"XMP ", b"VP8X")]
    body = b"".join([b"WEBP", _vp8x(data, chunks), *kept, _riff(b"XMP ", packet)])
    return b"RIFF" + len(body).to_bytes(4, "little") + body + data[chunks[-1].end :]


def _riff(kind: bytes, body: bytes) -> bytes:
    return _even(kind + len(body).to_bytes(4, "little") + body)


def _even(chunk: bytes) -> bytes:
    return chunk + b"\0" * (len(chunk) % 2)


def _vp8x(data: bytes, chunks: list[Part]) -> bytes:
    """Give the header that announces metadata; a simple file gets one, with its alpha flag."""
    if not chunks:
        raise CutOffError("it ends too early")
    body = body_of(data, chunks[0])
    width, height = canvas_of_webp(chunks[0].kind, body)
    if not width or not height:
        raise DamagedError("it has no size")
    if chunks[0].kind == b"VP8X":
        return _riff(b"VP8X", bytes([body[0] | _VP8X_XMP]) + body[1:])
    has_alpha = chunks[0].kind == b"VP8L" and bool(body[4] & 0x10)
    flags = _VP8X_XMP | (_VP8X_ALPHA if has_alpha else 0)
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return _riff(b"VP8X", bytes([flags, 0, 0, 0]) + canvas)


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
