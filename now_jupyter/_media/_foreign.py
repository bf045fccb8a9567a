"""What other tools wrote into a picture: read as far as it maps to a request, believed in nothing but text.

AUTOMATIC1111 and its kin write `parameters`, in a text of PNG or in the EXIF comment of JPEG and WebP; InvokeAI and
SwarmUI write JSON; NovelAI and Midjourney a description. ComfyUI keeps a graph, of which nothing maps.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Literal

from .._json import JSON, read_json
from ._containers import PNG_HEAD, Part, body_of, find_part

__all__ = ["read_foreign", "texts_in"]

_LARGEST = 1 << 20
_NAMES = ("parameters", "Description", "Comment", "Software", "prompt", "workflow", "invokeai_metadata")
_BEGINNINGS = tuple(name.encode() + b"\0" for name in _NAMES)
_MOST_TEXTS = 8
_TEXT_KINDS = {b"tEXt", b"zTXt", b"iTXt"}
_STEPS = re.compile(r"^Steps: \d", re.MULTILINE)
_PAIRS = re.compile(r'(?:^|, )([A-Z][\w ]{0,40}): ("(?:[^"\\]|\\.)*"|[^,]*)')
_JOB_ID = re.compile(r"\bJob ID: [0-9a-f-]{36}\s*$")
_MOST_DROPPED = 20
_MAPPED = {"Seed", "Size", "Model"}
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_MOST_ENTRIES = 200
_CODES = {b"UNICODE\0": "utf-16", b"ASCII\0\0\0": "utf-8", b"\0" * 8: "utf-8"}


def read_foreign(texts: Mapping[str, str]) -> dict[str, JSON] | None:
    """Return prompt, model, seed and params as far as they map; None where no known tool wrote these texts.

    `dropped` names what is there and means nothing to a relay; `tool` is whose it is, and alone where nothing maps.
    """
    if "parameters" in texts:
        made = _automatic1111(texts["parameters"])
    elif "invokeai_metadata" in texts:
        made = _invokeai(texts["invokeai_metadata"])
    elif "workflow" in texts or texts.get("prompt", "").lstrip().startswith("{"):
        return {"tool": "ComfyUI"}
    elif texts.get("Software") == "NovelAI":
        made = _novelai(texts)
    else:
        made = {"prompt": _JOB_ID.sub("", texts.get("Description", "")).strip()}
    return made if made.get("prompt") else None


def _automatic1111(text: str) -> dict[str, JSON]:
    """Read `prompt`, `Negative prompt: …`, `Steps: 20, Sampler: …`, each on lines of its own."""
    if text.lstrip().startswith("{"):
        return _swarm(text)
    last = max(_STEPS.finditer(text), key=re.Match.start, default=None)
    said, settings = (text[: last.start()], text[last.start() :]) if last else (text, "")
    prompt, _, negative = said.partition("Negative prompt:")
    facts = dict(_PAIRS.findall(settings[:4000]))
    model, seed, size = (facts.get(name, "").strip(' "') for name in ("Model", "Seed", "Size"))
    dropped = [name for name in facts if name not in _MAPPED]
    return _made(prompt, negative, model=model, seed=seed, size=size, dropped=dropped, tool="AUTOMATIC1111")


def _swarm(text: str) -> dict[str, JSON]:
    said = _part(_object(text), "sui_image_params")
    return _from_json(said, prompt="prompt", negative="negativeprompt", model="model", tool="SwarmUI")


def _invokeai(text: str) -> dict[str, JSON]:
    said = _object(text)
    flat = {**said, "model": _part(said, "model").get("name", "")}
    return _from_json(flat, prompt="positive_prompt", negative="negative_prompt", model="model", tool="InvokeAI")


def _novelai(texts: Mapping[str, str]) -> dict[str, JSON]:
    said = {"prompt": texts.get("Description", ""), **_object(texts.get("Comment", ""))}
    return _from_json(said, prompt="prompt", negative="uc", model="", tool="NovelAI")


def _from_json(said: Mapping[str, JSON], *, prompt: str, negative: str, model: str, tool: str) -> dict[str, JSON]:
    size = f"{said.get('width')}x{said.get('height')}"
    known = {prompt, negative, model, "seed", "width", "height"}
    return _made(
        str(said.get(prompt) or ""),
        str(said.get(negative) or ""),
        model=str(said.get(model) or ""),
        seed=str(said.get("seed", "")),
        size=size if re.fullmatch(r"[1-9]\d{0,5}x[1-9]\d{0,5}", size) else "",
        dropped=[str(name)[:40] for name in said if name not in known],
        tool=tool,
    )


def _made(  # noqa: PLR0913 - the facts that map, and who says so
    prompt: str, negative: str, *, model: str, seed: str, size: str, dropped: list[str], tool: str
) -> dict[str, JSON]:
    params: dict[str, JSON] = {}
    if negative.strip():
        params["negative"] = negative.strip()
    if size:
        params["size"] = size
    if seed.isdecimal() and seed.isascii() and len(seed) < 20:  # noqa: PLR2004 - digits of 64 bits
        params["seed"] = int(seed)
    made: dict[str, JSON] = {"prompt": prompt.strip()}
    rest: dict[str, JSON] = {"model": model, "params": params, "dropped": dropped[:_MOST_DROPPED]}
    if dropped:
        rest["tool"] = tool
    return {**made, **{name: value for name, value in rest.items() if value}}


def _object(text: str) -> Mapping[str, JSON]:
    value = read_json(text)
    return value if isinstance(value, dict) else {}


def _part(value: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


# Where the texts are


def texts_in(data: bytes, parts: list[Part]) -> dict[str, str]:
    """Return the texts of other tools in a PNG, JPEG or WebP file of these parts; long ones are none of theirs."""
    if data.startswith(PNG_HEAD):
        return _png_texts(data, parts)
    exif = find_part(data, parts, b"\xe1", b"Exif\0\0") or find_part(data, parts, b"EXIF")
    if exif is None or exif.last - exif.first > _LARGEST:
        return {}
    comment = _user_comment(body_of(data, exif).removeprefix(b"Exif\0\0"))
    return {"parameters": comment} if _STEPS.search(comment) else {}


def _png_texts(data: bytes, parts: list[Part]) -> dict[str, str]:
    """Return the texts of a PNG file; Pillow reads them out of a file that has no pixels."""
    from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415 - Pillow is loaded when it is used

    texts = [one for one in parts if one.kind in _TEXT_KINDS and data.startswith(_BEGINNINGS, one.first)]
    small = [one for one in texts if one.last - one.first <= _LARGEST][:_MOST_TEXTS]
    kept = b"".join(data[one.start : one.end] for one in (parts[0], *small, parts[-1]))
    found = PngImageFile(io.BytesIO(PNG_HEAD + kept)).info
    return {str(name): _mend_text(text) for name, text in found.items() if isinstance(text, str)}


def _mend_text(text: str) -> str:
    try:
        return text.encode("latin-1").decode()  # many tools write UTF-8 where the standard says Latin-1
    except UnicodeError:
        return text


def _user_comment(tiff: bytes) -> str:
    """Return the comment in an EXIF part; empty where there is none that can be read."""
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"
    place = _entry(tiff, int.from_bytes(tiff[4:8], order), _EXIF_IFD, order)
    found = _entry(tiff, int.from_bytes(place[1], order), _USER_COMMENT, order) if place else None
    if found is None or found[0] <= 4:  # noqa: PLR2004 - so short a value stands in the entry itself
        return ""
    start = int.from_bytes(found[1], order)
    raw = tiff[start : start + found[0]]
    code = _CODES.get(raw[:8], "")
    if code == "utf-16":
        code = (
            "utf-16" if raw[8:10] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-be" if raw[8:9] == b"\0" else "utf-16-le"
        )
    return raw[8:].decode(code, "replace").rstrip("\0") if code else ""


def _entry(tiff: bytes, table: int, tag: int, order: Literal["little", "big"]) -> tuple[int, bytes] | None:
    """Return length and value of an entry in a table of EXIF; None where it has none."""
    count = min(int.from_bytes(tiff[table : table + 2], order), _MOST_ENTRIES)
    for at in range(table + 2, table + 2 + 12 * count, 12):
        if int.from_bytes(tiff[at : at + 2], order) == tag:
            return int.from_bytes(tiff[at + 4 : at + 8], order), tiff[at + 8 : at + 12]
    return None
