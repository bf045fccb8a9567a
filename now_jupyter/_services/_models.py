"""What is known of the models at the OpenAI-style images endpoints, one row a family: advice, never a gate.

Relays invent names and drop fields, so a model is any string; families are matched by how the last part of a name
begins. Facts: OpenAI's image guide and API reference of 2026-11, and what relays do with other makers' models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .._protocol import Fit, Listed, Offer, Option

__all__ = ["ANY", "EXAMPLES", "UNKNOWN", "Family", "family_of", "is_of_another_kind", "looks_like_pictures", "rank"]

_MOST = 10  # pictures per call
_SUFFIXES_NARROWED = ("-all", "-vip", "-web")  # shops' own names: what they take is less, and theirs to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Offer):
    """What is offered for the models whose names begin with `prefix`.

    `edits`: pictures go to /images/edits as files, else into the field `image`; `only_png`: the files have to be PNG.
    """

    model: str = ""
    fit: Fit = Fit.NAMED
    prefix: str = ""
    edits: bool = False
    only_png: bool = False
    streams: bool = False


def _words(*values: str) -> Option:
    return Option(values=values)


def _format(*values: str) -> Option:
    return Option(name="output_format", values=values)


_N = Option(most=_MOST)
_COMPRESSION = Option(name="output_compression", most=100, only_with=("format", ("jpeg", "webp")))
_BACKGROUND = _words("transparent", "opaque", "auto")
_GPT_SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
_FIXED = Option(values=_GPT_SIZES)
_FREE = Option(values=_GPT_SIZES, grid=16)
_QUALITY = ("auto", "low", "medium", "high")
_USER = {"user": Option()}
_GPT_RAW = {"moderation": _words("low", "auto"), **_USER}
_DALLE_RAW = {"response_format": _words("url", "b64_json"), **_USER}

# All that the wire has a field for; a family that lacks one of these is not known to take it.
ANY: Mapping[str, Option] = {
    "n": _N,
    "format": Option(name="output_format"),
    "compression": Option(name="output_compression"),
    "negative": Option(name="negative_prompt"),
    **dict.fromkeys(("size", "quality", "style", "background", "seed"), Option()),
}
UNKNOWN = Family(options=ANY, inputs={"picture": 16}, known=False)


def _gpt(prefix: str, *, size: Option = _FREE, quality: tuple[str, ...] = _QUALITY, **more: Option) -> Family:
    options = {
        "n": _N,
        "size": size,
        "quality": _words(*quality),
        "background": _BACKGROUND,
        "format": more.pop("format", _format("png", "jpeg", "webp")),
        "compression": _COMPRESSION,
    }
    return Family(
        prefix=prefix,
        options=options,
        raw={**_GPT_RAW, **more},
        inputs={"picture": 16, "mask": 1},
        longest=32_000,
        edits=True,
        streams=True,
    )


def _seedream(prefix: str, *tiers: str, references: int, **more: Option) -> Family:
    sizes = (*tiers, "1024x1024", "2048x2048", "2560x1440", "1440x2560")
    raw = {"watermark": Option(), "response_format": _words("url", "b64_json")}
    return Family(
        prefix=prefix, options={"size": Option(values=sizes), **more}, raw=raw, inputs={"picture": references}
    )


_FINEST = (*_QUALITY, "xhigh", "max")
_FIDELITY = _words("low", "high")
_JPEG_OR_PNG = _format("jpeg", "png")
# The first row that fits is taken: longer prefixes stand before shorter ones.
_FAMILIES = (
    _gpt(
        "gpt-image-2.6",
        quality=_FINEST,
        format=_format("png", "jpeg", "webp", "svg", "gif"),
        complexity=_words("low", "medium", "high"),
    ),
    _gpt("gpt-image-2.5", quality=_FINEST),
    _gpt("gpt-image-2"),
    _gpt("gpt-image-1-mini", size=_FIXED),
    _gpt("gpt-image-1", size=_FIXED, input_fidelity=_FIDELITY),
    _gpt("chatgpt-image", size=_FIXED),
    Family(
        prefix="dall-e-3",
        options={
            "size": _words("1024x1024", "1792x1024", "1024x1792"),
            "quality": _words("standard", "hd"),
            "style": _words("vivid", "natural"),
        },
        raw=_DALLE_RAW,
        longest=4_000,
    ),
    Family(
        prefix="dall-e-2",
        options={"n": _N, "size": _words("256x256", "512x512", "1024x1024"), "quality": _words("standard")},
        raw=_DALLE_RAW,
        inputs={"picture": 1, "mask": 1, "vary": 1},
        longest=1_000,
        edits=True,
        only_png=True,
    ),
    _seedream("doubao-seedream-5-0-pro", "1K", "2K", references=10, format=_JPEG_OR_PNG),
    _seedream("doubao-seedream-5", "2K", "3K", "4K", references=14, format=_JPEG_OR_PNG),
    _seedream("doubao-seedream-4-5", "2K", "4K", references=14),
    _seedream("doubao-seedream-4", "1K", "2K", "4K", references=14),
)
# Asked for ten, it makes one picture and bills ten; size and quality may be refused.
_ONE_AT_A_TIME = Family(
    options={"format": _words("png")}, raw=_DALLE_RAW, inputs={"picture": 16, "mask": 1}, edits=True, known=False
)
_NARROWED = Family(
    options={name: ANY[name] for name in ("n", "size", "quality", "format")},
    raw=_DALLE_RAW,
    inputs={"picture": 16, "mask": 1},
    edits=True,
    known=False,
)

EXAMPLES = ("gpt-image-2", "gpt-image-2.6-flare", "gpt-image-2.6-sunburst", "dall-e-3")
_BEST_FIRST = ("gpt-image-2", "gpt-image-2.6", "gpt-image-2.5", "gpt-image", "dall-e-3")
_PICTURE_WORDS = re.compile(
    r"image|dall-e|flux|ideogram|stable-diffusion|sd3|sdxl|seedream|seededit|jimeng|kolors|cogview|recraft|banana"
)
_OTHER_WORDS = re.compile(  # films, sound, words, and what lives at other services
    r"mj_|ideogram_|swap_face|suno|udio|luma|runway|hailuo|tts|embed|whisper|transcribe|rerank|video|sora-2|veo|seedance|kling-v"
    r"|t2v|i2v"
)


def family_of(listed: Listed) -> Family | None:
    """Return what is known of a model by how its name begins; None where nothing is."""
    found = next((one for one in _FAMILIES if listed.bare.startswith(one.prefix)), None)
    if found is None or not listed.bare.endswith(_SUFFIXES_NARROWED):
        return found
    return _ONE_AT_A_TIME if listed.bare.endswith("-all") else _NARROWED


def is_of_another_kind(listed: Listed) -> bool:
    """Whether the name says that the model makes films, sound, words or vectors, or lives at another service."""
    return _OTHER_WORDS.search(listed.bare) is not None


def looks_like_pictures(listed: Listed) -> bool:
    """Whether a word in the name, or what the relay says of it, points to pictures."""
    return "image" in listed.makes or _PICTURE_WORDS.search(listed.bare) is not None


def rank(listed: Listed) -> tuple[int, bool, int, str]:
    """Return where a model stands among those to take where none is named: the best-known family, no dated copy."""
    bare = listed.bare
    place = next((at for at, family in enumerate(_BEST_FIRST) if bare.startswith(family)), len(_BEST_FIRST))
    is_plain = place < len(_BEST_FIRST) and bare == _BEST_FIRST[place]
    return place, not is_plain, len(bare) if place < len(_BEST_FIRST) else 0, listed.name
