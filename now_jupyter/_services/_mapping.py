"""From options under our neutral names to a wire's fields, once for all services; what differs is remarked."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from .._json import JSON, Texts
from .._media import can_show
from .._messages import InputError, Language, say
from .._protocol import Ask, Body, File, Input, Later, Option, Remark, Request
from ._sizes import fits_grid, resolve_size

__all__ = [
    "fields",
    "file_of",
    "form_of",
    "joined",
    "pictures_in",
    "raw_fields",
    "require_prompt",
    "say_remark",
    "settle",
]

_NOTHING: Mapping[str, Option] = {}
_KEPT_HERE = ("n", "keep_outside")  # what we see to ourselves
_COUNTS = ("n", "batch_size", "num_images", "num_outputs")  # what wires call the number of pictures
_ANOTHER_VERSION = "Another version of this picture: the same subject and style, drawn anew."
_TAKEN = ("image/png", "image/jpeg", "image/webp")
_OPTION_OF = {"model": "--model", "prompt": "the prompt itself"}  # what takes the place of a refused field


def fields(
    ask: Ask, *, wire: Mapping[str, Option] = _NOTHING, dropped: Collection[str] = (), own: Texts = ("model", "prompt")
) -> tuple[dict[str, JSON], list[Remark]]:
    """Return the wire's fields for all that was given, and what there is to say of it and of the prompt.

    `wire` are options that the wire has fields for although the model is not known to take them: they are sent, with a
    remark; those in `dropped` are known to get lost on the way. Without a field an option is ignored. `own`: the
    wire's names of model and prompt.

    Raises:
        InputError: a `-p` field would pass by the model, the prompt or the number of pictures, or is set by an option.
    """
    settled, remarks = settle(ask, wire=wire, dropped=dropped)
    every = {**wire, **ask.offer.options}
    sent = raw_fields(ask, own=own)
    for name, value in settled.items():
        field = every[name].name or name
        if field in ask.request.raw:
            raise InputError(
                "{flag} and -p {key} set the same field", advice="give one of them", flag=f"--{name}", key=field
            )
        sent[field] = every[name].spelled.get(str(value), value)
    return sent, [*remarks, *_remarks_on_raw_and_prompt(ask)]


def settle(
    ask: Ask, *, wire: Mapping[str, Option] = _NOTHING, dropped: Collection[str] = ()
) -> tuple[dict[str, JSON], list[Remark]]:
    """Return the options, still under our names, with the values that will go out, for a service that places them."""
    settled: dict[str, JSON] = {}
    remarks: list[Remark] = []
    for name, given in ask.request.params.items():
        if name in _KEPT_HERE or given is None:
            continue
        option = ask.offer.options.get(name)
        if option is None and name not in wire:
            remarks.append(Remark(option=name, kind="ignored", given=given))
            continue
        settled[name] = resolve_size(str(given), option) if name == "size" and option else given
        if option is not None:
            remarks += _remarks_on(name, given, settled[name], ask, option)
        elif ask.offer.known:
            remarks.append(Remark(option=name, kind="dropped" if name in dropped else "unusual", given=given))
    return settled, remarks


def raw_fields(ask: Ask, *, own: Texts = ("model", "prompt")) -> dict[str, JSON]:
    """Return the `-p` fields.

    Raises:
        InputError: one of them is the wire's model, prompt or count, which would pass by splitting and price.
    """
    count = ask.offer.options["n"].name if "n" in ask.offer.options else ""
    counts = {*_COUNTS, count}
    for name in ask.request.raw:
        if name in counts or name in own:
            raise InputError(
                "-p cannot set {name}: it would pass by what is split, priced and agreed",
                advice="use {option}",
                name=name,
                option="--n" if name in counts else _OPTION_OF.get(name, "--model"),
            )
    return dict(ask.request.raw)


def joined(body: Mapping[str, Body], given: Mapping[str, Body]) -> dict[str, Body]:
    """Return a body with what was given by `-p`, which goes before; of objects both members stay."""
    both = {
        name: joined(own, one)
        for name, one in given.items()
        if isinstance(own := body.get(name), Mapping) and isinstance(one, Mapping)
    }
    return {**body, **given, **both}


def pictures_in(request: Request) -> tuple[Input, ...]:
    """Return the pictures that are given, be it to be varied: most models do that by an edit."""
    return request.given("picture", "vary")


def file_of(picture: Input, form: Literal["file", "base64", "data-uri"] = "file", *, only_png: bool = False) -> File:
    """Return an input picture as a file inside a call: as PNG where it is of a type that few wires take."""
    is_taken = not picture.mime or picture.mime in _TAKEN
    if not is_taken and not can_show(picture.mime):
        raise InputError(
            "a picture of type {mime} cannot be sent", advice="save it as PNG, JPEG or WebP first", mime=picture.mime
        )
    return File(sha256=picture.sha256, form=form, convert="png" if only_png or not is_taken else "")


def form_of(parts: Mapping[str, JSON], *files: tuple[str, File]) -> tuple[tuple[str, str | File | Later], ...]:
    """Return the fields of a form: words as they are, numbers and structures as JSON, then the files."""
    words = ((key, value if isinstance(value, str) else json.dumps(value)) for key, value in parts.items())
    return (*words, *files)


def require_prompt(ask: Ask) -> str:
    """Return the prompt; of a picture to be varied, where nothing else is said, one that asks for another version.

    Raises:
        InputError: there is none, and the service needs one.
    """
    prompt = ask.request.prompt
    if not prompt.strip() and ask.request.given("vary"):
        return _ANOTHER_VERSION
    if prompt.strip() or ask.offer.prompt != "needed":
        return prompt
    raise InputError(
        "there is no prompt",
        advice="write what the picture shall show",
    )


# What there is to say


def _remarks_on(name: str, given: JSON, used: JSON, ask: Ask, option: Option) -> Iterator[Remark]:
    if used != given:
        yield Remark(option=name, kind="resolved", given=given, used=used)
    elif ask.offer.known and (known := _missing(used, ask, option)) is not None:
        yield Remark(option=name, kind="unusual", given=given, known=known)


def _missing(value: JSON, ask: Ask, option: Option) -> Texts | None:
    """Return what an option is known to take where this is not of it, or of another option to need, which has none."""
    if not _is_known(value, option):
        return option.values or (f"≤ {option.most}",)
    other, values = option.only_with or ("", ())
    if other not in ask.offer.options or str(ask.request.params.get(other)) in values:
        return None
    return tuple(f"--{other} {value}" for value in values)


def _is_known(value: JSON, option: Option) -> bool:
    if option.values and str(value) not in option.values:
        return fits_grid(str(value), option.grid)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return option.most is None or not is_number or value <= option.most  # type: ignore[operator]  # a number by now


def _remarks_on_raw_and_prompt(ask: Ask) -> Iterator[Remark]:
    if not ask.offer.known:
        return
    for name, value in ask.request.raw.items():
        option = ask.offer.raw.get(name, Option())
        if not _is_known(value, option):
            yield Remark(option=name, kind="unusual", given=value, known=option.values)
    length, longest = len(ask.request.prompt), ask.offer.longest
    if longest is not None and length > longest:
        yield Remark(option="prompt", kind="unusual", given=length, known=(str(longest),))


def say_remark(remark: Remark, language: Language = "en") -> str:
    """Return a remark as a sentence."""
    known = ", ".join(remark.known) or "–"
    facts = {"option": remark.option, "given": _format(remark.given), "used": _format(remark.used), "known": known}
    if remark.option == "prompt":
        return say("the prompt has {given} characters, and the model is known to read {known}", language, **facts)
    match remark.kind:
        case "resolved":
            return say("{option} {given} becomes {used}", language, **facts)
        case "ignored":
            return say("{option} {given} is left out: this service has nothing of the kind", language, **facts)
        case "dropped":
            return say("{option} {given} is sent, and known to get lost on the way", language, **facts)
        case "unusual":
            return say("the model is not known to take {option} {given}; known: {known}", language, **facts)


def _format(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
