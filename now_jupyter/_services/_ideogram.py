"""Ideogram as relays offer it: generate, remix, upscale and describe, each answered at once; and the forms of its v3.

The older endpoints take an `image_request`, as JSON or beside a file; those of v3 flat forms, with a mask that is black
where to repaint. Relays differ in how they want the key, so it goes both ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from .._json import JSON, Fields, Texts, dig, text_of
from .._messages import InputError, Refusal, error_of_refusal
from .._protocol import (
    Ask,
    Call,
    Charge,
    Conversation,
    File,
    Fit,
    Found,
    Input,
    Listed,
    Lost,
    Offer,
    Option,
    Outcome,
    Plan,
    Reply,
    Role,
    Service,
)
from ._decoder import read_pictures, require_output
from ._finding import outputs_in
from ._mapping import fields, file_of, form_of, pictures_in, require_prompt

__all__ = ["Ideogram"]

_KEY = {"Authorization": "Bearer {key}", "Api-Key": "{key}"}
_RATIOS = ("1:1", "10:16", "16:10", "9:16", "16:9", "3:2", "2:3", "4:3", "3:4", "1:3", "3:1")
_COMMON: Mapping[str, Option] = {
    "n": Option(name="num_images", most=8),
    "negative": Option(name="negative_prompt"),
    "seed": Option(most=2_147_483_647),
}
_MAGIC = Option(values=("AUTO", "ON", "OFF"))
_WEIGHT = Option(most=100)
_LEGACY: Mapping[str, Option] = {
    **_COMMON,
    "size": Option(
        name="aspect_ratio", values=_RATIOS, spelled={one: f"ASPECT_{one.replace(':', '_')}" for one in _RATIOS}
    ),
    "style": Option(name="style_type", values=("AUTO", "GENERAL", "REALISTIC", "DESIGN", "RENDER_3D", "ANIME")),
}
_LEGACY_RAW: Mapping[str, Option] = {
    "magic_prompt_option": _MAGIC,
    **dict.fromkeys(("color_palette", "resolution", "demo"), Option()),
    **dict.fromkeys(("image_weight", "resemblance", "detail"), _WEIGHT),
}
_V3: Mapping[str, Option] = {
    **_COMMON,
    "size": Option(name="aspect_ratio", values=_RATIOS, spelled={one: one.replace(":", "x") for one in _RATIOS}),
    "style": Option(name="style_type", values=("AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION")),
    "quality": Option(name="rendering_speed", values=("FLASH", "TURBO", "DEFAULT", "QUALITY")),
}
_V3_RAW: Mapping[str, Option] = {
    "magic_prompt": _MAGIC,
    "image_weight": _WEIGHT,
    **dict.fromkeys(("color_palette", "resolution", "style_codes", "demo"), Option()),
}
_DESCRIBE_RAW: Mapping[str, Option] = {"describe_model_version": Option(values=("V_2", "V_3")), "demo": Option()}
_UPSCALE = {name: _LEGACY[name] for name in ("n", "seed")}
_VERSION = re.compile(r"v_[12]a?(?:_turbo)?")
_VERSION_WITHIN = re.compile(r"v_?([12]a?(?:_turbo)?)")
_IS_V3 = re.compile(r"(?:^|[-_])v[-_]?3(?:$|[-_.])")
_PIXELS = re.compile(r"(\d{3,4})x(\d{3,4})")
_WORKS = ("describe", "upscale", "remix", "reframe", "replace-background", "edit", "generate")
_NO_FILE = ("generate",)
_MOST_BYTES = 25_000_000
_UNSAFE = (False, "false", "False")


class Ideogram(Service):
    """`ideogram_generate` and its siblings, `V_2` and other versions, `ideogram-v3`."""

    name = "ideogram"
    examples: Texts = ("ideogram_generate", "ideogram-v3")

    def offer(self, listed: Listed) -> Offer | None:
        """Return what it does for one of its names; which of its endpoints, the name says, or what is given."""
        bare = listed.bare.replace(".", "_")
        is_named = bare.startswith("ideogram")
        found = _VERSION_WITHIN.search(bare.replace("-", "_"))
        version = f"V_{found[1]}" if found else ""
        if not is_named and not _VERSION.fullmatch(bare):
            return None
        work = next((one for one in _WORKS if one in bare.replace("_", "-")), "generate")
        is_v3 = bool(_IS_V3.search(bare)) and work not in ("describe", "upscale")
        return Offer(
            model=listed.name,
            fit=Fit.RESERVED if bare.startswith("ideogram_") or not is_named else Fit.NAMED,
            makes="words" if work == "describe" else "picture",
            dialect=f"{'v3' if is_v3 else 'legacy'} {work} {'' if is_v3 else version.upper()}",
            options=_V3 if is_v3 else _UPSCALE if work == "upscale" else {} if work == "describe" else _LEGACY,
            raw=_V3_RAW if is_v3 else _DESCRIBE_RAW if work == "describe" else _LEGACY_RAW,
            inputs=_inputs_of(work, is_v3=is_v3),
            prompt=_prompt_of(work),
        )

    def plan(self, ask: Ask) -> Plan:
        """Return the call to the endpoint that fits what is given."""
        generation, named, version = ask.offer.dialect.split(" ")
        pictures, masks = pictures_in(ask.request), ask.request.given("mask")
        work = "edit" if masks else "remix" if pictures and named == "generate" else named
        _require_inputs(work, pictures, masks)
        shaped, resolution = _take_pixels(ask)
        sent, remarks = fields(shaped, own=("prompt", "model"))
        given = ["aspect_ratio" in sent, "resolution" in sent, bool(resolution)]
        if sum(given) > 1:
            raise InputError("a resolution and a ratio set the same thing", advice="give one of them")
        if work == "reframe" and not any(given[1:]):
            raise InputError("reframe needs a size in pixels", advice="give it with --size, for example 1024x768")
        prompt = require_prompt(ask)
        body: dict[str, JSON] = {**({"prompt": prompt} if prompt else {}), **sent}
        if resolution:
            body["resolution"] = resolution["resolution"] if generation == "v3" else resolution["legacy"]
        if ask.n > 1:
            body["num_images"] = ask.n
        model: dict[str, JSON] = {"model": version} if version and work in ("generate", "remix") else {}
        call = _v3(work, body, pictures, masks) if generation == "v3" else _legacy(work, {**body, **model}, pictures)
        return Plan(
            call=call,
            charge=Charge(name=ask.offer.model, times=Decimal(ask.n), unit="picture"),
            expected=ask.n,
            remarks=tuple(remarks),
            memo={"n": ask.n},
        )

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Read pictures or descriptions; what was blocked as unsafe is one picture that will not come."""
        texts = dig(reply.body, "descriptions")
        if isinstance(texts, list) and texts:
            words = [one for part in texts if (one := text_of(dig(part, "text")) or text_of(part))]
            for number, one in enumerate(words, 1):
                yield from Found(key=str(number), kind="words", words=one)
            return Outcome(expected=len(texts))
        items = dig(reply.body, "data")
        count = memo.get("n")
        if not isinstance(items, list) or not any(isinstance(one, Mapping) and "is_image_safe" in one for one in items):
            expected = count if isinstance(count, int) else 1
            return require_output((yield from read_pictures(reply, expected=expected)), reply)
        return (yield from _read_items(items))


def _inputs_of(work: str, *, is_v3: bool) -> Mapping[Role, int]:
    varies: Mapping[Role, int] = {"vary": 1} if work in ("generate", "remix") else {}
    masked: Mapping[Role, int] = {"mask": 1} if is_v3 and work in ("generate", "edit") else {}
    return {"picture": 1, **varies, **masked}


def _prompt_of(work: str) -> Literal["needed", "optional", "none"]:
    return "none" if work == "describe" else "optional" if work in ("upscale", "reframe") else "needed"


def _require_inputs(work: str, pictures: tuple[Input, ...], masks: tuple[Input, ...]) -> None:
    if work not in _NO_FILE and not pictures:
        raise InputError("{work} needs a picture", advice="give it with -i", work=work)
    if work == "edit" and not masks:
        raise InputError("{label} needs a mask: where to repaint", advice="give it with --mask", label=work)
    for one in pictures:
        if one.size_bytes > _MOST_BYTES:
            raise InputError(
                "a picture has {given} MB, and {model} takes at most {most}",
                advice="save it smaller first, as JPEG or WebP",
                given=f"{one.size_bytes / 1e6:.1f}",
                model="Ideogram",
                most=_MOST_BYTES // 1_000_000,
            )


def _take_pixels(ask: Ask) -> tuple[Ask, dict[str, str]]:
    """Return the ask without a size in pixels, and that size as either form of the wire calls it."""
    found = _PIXELS.fullmatch(str(ask.request.params.get("size", "")))
    if found is None:
        return ask, {}
    params = {name: value for name, value in ask.request.params.items() if name != "size"}
    names = {"resolution": found[0], "legacy": f"RESOLUTION_{found[1]}_{found[2]}"}
    return replace(ask, request=replace(ask.request, params=params)), names


def _legacy(work: str, body: dict[str, JSON], pictures: tuple[Input, ...]) -> Call:
    path = f"/ideogram/{work}"
    if work == "generate":
        return Call(path=path, base="host", headers=_KEY, json={"image_request": body})
    files = [("image_file", file_of(one)) for one in pictures]
    parts = body if work == "describe" else {"image_request": json.dumps(body, ensure_ascii=False)}
    return Call(path=path, base="host", headers=_KEY, form=form_of(parts, *files))


def _v3(work: str, body: dict[str, JSON], pictures: tuple[Input, ...], masks: tuple[Input, ...]) -> Call:
    files = [("image", file_of(one)) for one in pictures]
    files += [("mask", File(sha256=one.sha256, convert="mask-black")) for one in masks]
    path = f"/ideogram/v1/ideogram-v3/{work}"
    return Call(path=path, base="host", headers=_KEY, form=form_of(body, *files))


def _read_items(items: list[Any]) -> Conversation[Outcome]:
    blocked = 0
    for number, one in enumerate(items, 1):
        found = next((step for step in outputs_in([one]) if isinstance(step, Found)), None)
        if found is not None:
            words, seed = text_of(dig(one, "prompt")), dig(one, "seed")
            about: dict[str, JSON] = {**found.about, "revised_prompt": words or None, "seed": seed}
            yield from replace(found, key=str(number), about=about)
        elif dig(one, "is_image_safe") in _UNSAFE:
            blocked += 1
            yield from Lost(_BLOCKED)
    if blocked and blocked == len(items):
        error = error_of_refusal(Refusal(body=_BLOCKED))
        error.billed = "maybe"
        raise error
    return Outcome()


_BLOCKED: JSON = {"error": {"code": "content_policy_violation", "message": "the picture was blocked as unsafe"}}
