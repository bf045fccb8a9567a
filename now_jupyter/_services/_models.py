"""What is known of the models at the OpenAI-style images endpoints, one row a family: advice, never a gate.

Relays invent names and drop fields, so a model is any string; families are matched by how the last part of a name
begins. Facts: OpenAI's image guide and API reference of 2026-11, and what relays do with other makers' models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .._protocol import Fit, Listed, Offer, Option, Role

__all__ = [
    "ANY",
    "EXAMPLES",
    "UNKNOWN",
    "Family",
    "draws_behind_a_page",
    "family_of",
    "is_ending",
    "is_gemini",
    "is_of_another_kind",
    "lives_elsewhere",
    "looks_like_pictures",
    "rank",
]

_MOST = 10  # pictures per call
_DOT = re.compile(r"(?<=\d)\.(?=\d)")  # shops write seedream-4.5, its maker seedream-4-5
_SUFFIXES_NARROWED = ("-all", "-vip", "-web")  # shops' own names: what they take is less, and theirs to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Offer):
    """What is offered for the models whose names begin with `prefix`.

    `edits`: pictures go to /images/edits as files, else into the field `image`; `varies`: it has variations of its own;
    `only_png`, `only_square`, `most_bytes`: what the files have to be, the last one 0 where nothing is known.
    """

    model: str = ""
    fit: Fit = Fit.NAMED
    prefix: str = ""
    edits: bool = False
    varies: bool = False
    only_png: bool = False
    only_square: bool = False
    most_bytes: int = 0
    streams: bool = False


def _words(*values: str) -> Option:
    return Option(values=values)


def _format(*values: str) -> Option:
    return Option(name="output_format", values=values)


_EDITED: Mapping[Role, int] = {"picture": 16, "mask": 1, "vary": 1}
_N = Option(most=_MOST)
_COMPRESSION = Option(name="output_compression", most=100, only_with=("format", ("jpeg", "webp")))
_BACKGROUND = _words("transparent", "opaque", "auto")
_GPT_SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
_FIXED = Option(values=_GPT_SIZES)
_FREE = Option(values=_GPT_SIZES, grid=16)
_QUALITY = ("auto", "low", "medium", "high")
_USER = {"user": Option()}
_LINK_OR_BASE64 = {"response_format": _words("url", "b64_json")}
_GPT_RAW = {"moderation": _words("low", "auto"), **_USER}
_DALLE_RAW = {**_LINK_OR_BASE64, **_USER}

# All that the wire has a field for; a family that lacks one of these is not known to take it.
ANY: Mapping[str, Option] = {
    "n": _N,
    "format": Option(name="output_format"),
    "compression": Option(name="output_compression"),
    "negative": Option(name="negative_prompt"),
    **dict.fromkeys(("size", "quality", "style", "background", "seed"), Option()),
}
UNKNOWN = Family(options=ANY, inputs={"picture": 16, "vary": 1}, known=False)


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
        inputs=_EDITED,
        longest=32_000,
        edits=True,
        most_bytes=50_000_000,
        streams=True,
    )


_SEQUENCE = {name: Option() for name in ("sequential_image_generation", "sequential_image_generation_options")}


def _seedream(prefix: str, *tiers: str, references: int, **more: Option) -> Family:
    sizes = (*tiers, "1024x1024", "2048x2048", "2560x1440", "1440x2560")
    raw = {"watermark": Option(), **_SEQUENCE, **_LINK_OR_BASE64}
    return Family(
        prefix=prefix,
        options={"size": Option(values=sizes), **more},
        raw=raw,
        inputs={"picture": references, "vary": 1},
    )


def _other(prefix: str, *takes: str, references: int = 0, **raw: Option) -> Family:
    """Return what is known of a family whose values shops are free to choose: which options it takes at all."""
    options = {name: ANY[name] for name in takes}
    return Family(
        prefix=prefix,
        options=options,
        raw={**raw, **_LINK_OR_BASE64},
        inputs={"picture": references, "vary": 1} if references else {},
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
        varies=True,
        only_png=True,
        only_square=True,
        most_bytes=4_000_000,
    ),
    _seedream("seedream-5-0-pro", "1K", "2K", references=10, format=_JPEG_OR_PNG),
    _seedream("seedream-5", "2K", "3K", "4K", references=14, format=_JPEG_OR_PNG),
    _seedream("seedream-4-5", "2K", "4K", references=14),
    _seedream("seedream-4", "1K", "2K", "4K", references=14),
    _other("seedream", "n", "size", "seed", references=14),
    _other("seededit", "size", "seed", references=1),
    _other("qwen-image", "n", "size", references=3, parameters=Option(), input=Option(), prompt_extend=Option()),
    _other("z-image", "n", "size", parameters=Option(), input=Option(), prompt_extend=Option()),
    _other("wan", "n", "size", references=3, parameters=Option(), input=Option()),
    _other("flux", "n", "size", "seed", references=8, aspect_ratio=Option()),
    Family(prefix="imagen", options={"n": Option(most=4), "size": _words("1:1", "3:4", "4:3", "9:16", "16:9")}),
    _other("grok-", "n", references=1, aspect_ratio=Option(), resolution=_words("1k", "2k")),
    _other(
        "kolors", "n", "size", "negative", "seed", references=3, num_inference_steps=Option(), guidance_scale=Option()
    ),
    _other("cogview", "size", "quality"),
    _other("glm-image", "size", "quality"),
    Family(
        prefix="image-01",
        options={
            "n": Option(most=9),
            "size": Option(name="aspect_ratio", values=("1:1", "16:9", "4:3", "3:2", "2:3", "3:4", "9:16", "21:9")),
        },
        raw={"prompt_optimizer": Option(), "subject_reference": Option()},
    ),
    _other("jimeng", extra_fields=Option()),
)
# Asked for ten, it makes one picture and bills ten; size and quality may be refused.
_ONE_AT_A_TIME = Family(options={"format": _format("png")}, raw=_DALLE_RAW, inputs=_EDITED, edits=True, known=False)
_NARROWED = Family(
    options={name: ANY[name] for name in ("n", "size", "quality", "format")},
    raw=_DALLE_RAW,
    inputs=_EDITED,
    edits=True,
    known=False,
)

EXAMPLES = ("gpt-image-2", "gpt-image-2.6-flare", "gpt-image-2.6-sunburst", "dall-e-3")
_BEST_FIRST = (
    *("gpt-image-2", "gpt-image-2.6", "gpt-image-2.5", "gpt-image", "dall-e-3"),
    *("gemini", "nano-banana", "doubao-seedream", "seedream", "qwen-image", "flux"),
)
_ENDING = ("gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest")  # OpenAI shuts them down on 2026-12-01
_PICTURE_WORDS = re.compile(
    r"image|imagin|dall-?e|flux|ideogram|stable-diffusion|sd3|sdxl|seedream|seededit|jimeng|kolors|cogview|recraft|banana|hidream"
    r"|wanx|t2i|playground-v|midjourney"
)
_OTHER_WORDS = re.compile(  # films, sound, words, and what lives at other services
    r"mj_|ideogram_|swap_face|suno|(?<!st)udio|luma|runway|hailuo|tts|embed|whisper|transcribe|rerank|video|sora-2|(?<![a-z])veo|seedance|kling-v"
    r"|[ti]2v|kf2v|s2v|-animate-|-vace-|realtime|moderation|speech"
)
_TALKS = re.compile(
    r"(?:chat)?gpt-(?:[345]|oss)|o[134](?:-|$)|claude|deepseek|gemini|gemma|qw[eq]|llama|mistral|kimi|glm|grok|command"
    r"|moonshot|doubao-(?:seed-|pro|lite|1)|hunyuan-(?:turbo|lite|pro|standard|large|t1)|ernie-[345x]|minimax-(?:m|text)"
    r"|abab\d|yi-|phi-|mixtral|codestral|davinci|babbage"
)
_BEHIND_A_PAGE = re.compile(r"gpt-4o-image|sora[-_]?image|grok-4-image")
_GEMINI = re.compile(r"gemini\b.{0,60}\bimage|nano[-_ ]?banana")


def family_of(listed: Listed) -> Family | None:
    """Return what is known of a model by how its name begins; None where nothing is."""
    if draws_behind_a_page(listed) or is_of_another_kind(listed):
        return None
    bare = listed.bare.removeprefix("doubao-")
    forms = bare, _DOT.sub("-", bare)
    found = next((one for one in _FAMILIES for form in forms if form.startswith(one.prefix)), None)
    if found is None or not listed.bare.endswith(_SUFFIXES_NARROWED):
        return found
    return _ONE_AT_A_TIME if listed.bare.endswith("-all") else _NARROWED


def is_gemini(listed: Listed) -> bool:
    """Whether a model is one of Google's that draw in chat, under its own name or the one that shops give it."""
    return _GEMINI.search(listed.bare) is not None


def draws_behind_a_page(listed: Listed) -> bool:
    """Whether a shop asks a web page for the pictures, and so reads nothing but the prompt."""
    return _BEHIND_A_PAGE.search(listed.bare) is not None


def is_ending(listed: Listed) -> bool:
    """Whether a model is shut down about now, so that it is nobody's default."""
    return listed.bare.startswith(_ENDING)


def is_of_another_kind(listed: Listed) -> bool:
    """Whether a model makes films, sound, words or vectors, or lives elsewhere: as the relay or its name says."""
    if listed.makes:
        return "image" not in listed.makes
    talks = _TALKS.match(listed.bare) is not None and _PICTURE_WORDS.search(listed.bare) is None
    return talks or lives_elsewhere(listed)


def lives_elsewhere(listed: Listed) -> bool:
    """Whether a model makes films or sound, or lives at another service, wherever else it is listed."""
    if listed.makes:
        return "image" not in listed.makes
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
