"""Presets: prompt fragments and settings under a name, one file in the folder of a history.

What a folder from elsewhere brings is read as any foreign recipe is: a value that an option could not have is left out,
and an order says what a preset put into it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from .._json import JSON
from .._messages import InputError, Language, StoreCorrupt, plain, say
from .._options import OPTIONS, checked_prompt, closest, reads_back, request_from
from .._orders import Order
from .._store import Store, encode, parse_json, try_read_file, write_durably
from .._values import Request

__all__ = ["Presets"]

_FILE = "presets.json"
_LARGEST = 1 << 20
_MOST = 200
_LONGEST_NAME = 60
_LONGEST_FRAGMENT = 8_000
_PLACE = "{prompt}"
_NAME = re.compile(r"[^\W_][\w .+-]*")
_SENT = {one.name: one for one in OPTIONS if one.is_sent}


class Presets:
    """The presets of the history in use, by name; each is a request whose prompt is a fragment."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store

    def all(self) -> dict[str, Request]:
        """Return all presets, by name in their order.

        Raises:
            StoreCorrupt: the file cannot be read.
        """
        path = self._path()
        with suppress(StoreCorrupt, ValueError, RecursionError):
            data = try_read_file(path, limit=_LARGEST)
            form = {} if data is None else parse_json(data)
            kept = form.get("presets", {}) if isinstance(form, Mapping) else None
            if isinstance(kept, Mapping):
                named = [(name, made) for name, made in kept.items() if _is_name(name) and isinstance(made, Mapping)]
                return {name: _read(made) for name, made in sorted(named)[:_MOST]}
        raise StoreCorrupt(
            "the presets of this history cannot be read", advice="mend or remove the file {path}", path=path
        )

    def named(self, name: str) -> Request:
        """Return one preset.

        Raises:
            InputError: there is none of that name; names those that there are.
        """
        presets = self.all()
        if name in presets:
            return presets[name]
        near = closest(name, presets)
        raise InputError(
            "there is no preset {name}; did you mean {near}?" if near else "there is no preset {name}",
            advice="there are: {known}" if presets else "save one in the panel",
            name=plain(name, _LONGEST_NAME),
            near=near or "",
            known=", ".join(presets),
        )

    def save(self, name: str, request: Request, *, was: str = "") -> None:
        """Keep a preset; `was` is its name before, where it had another one.

        Raises:
            InputError: it cannot have that name, or there are too many.
            StoreError: it cannot be written.
        """
        name = name.strip()
        if not _is_name(name):
            raise InputError(
                "{name} cannot be the name of a preset",
                advice="give up to 60 letters, digits, blanks, . + and -",
                name=plain(name, _LONGEST_NAME) or "–",
            )
        if len(request.prompt) > _LONGEST_FRAGMENT:
            raise InputError("the fragment of a preset has at most {limit} characters", limit=_LONGEST_FRAGMENT)
        presets = self.all()
        if was and was != name and name in presets:
            raise InputError("there is a preset {name} already", advice="give another name", name=name)
        presets.pop(was, None)
        if name not in presets and len(presets) >= _MOST:
            raise InputError("there are {limit} presets already", advice="delete one", limit=_MOST)
        self._write({**presets, name: request})

    def rename(self, name: str, to: str) -> None:
        """Give a preset another name; errors are those of `named` and `save`."""
        self.save(to, self.named(name), was=name)

    def delete(self, name: str) -> None:
        """Forget a preset; one that is not there is fine."""
        self._write({known: one for known, one in self.all().items() if known != name})

    def _write(self, presets: Mapping[str, Request]) -> None:
        store = self._store()
        store.require_own()
        store.preflight()
        form: dict[str, JSON] = {name: _form_of(one) for name, one in presets.items()}
        write_durably(self._path(), encode({"format": 1, "presets": form}))

    def _path(self) -> Path:
        return self._store().folder / _FILE

    def apply(self, order: Order, language: Language) -> Order:
        """Return an order with its preset put into it: what was typed wins, and the order says what came in."""
        if not order.preset:
            return order
        preset, typed = self.named(order.preset), order.request
        request = replace(
            typed,
            prompt=joined(typed.prompt, preset.prompt),
            model=typed.model or preset.model,
            service=typed.service or (preset.service if typed.model in (None, preset.model) else None),
            params={**preset.params, **typed.params},
            raw={**preset.raw, **typed.raw},
        )
        if not (order.given or request.button):
            checked_prompt(request.prompt)
        words = [plain(f"{name} {value}", 80) for name, value in _taken(preset, typed)]
        note = say("preset {name}: {words}", language, name=order.preset, words=", ".join(words) or "–")
        return replace(order, request=request, preset="", notes=(note, *order.notes))


def joined(prompt: str, fragment: str) -> str:
    """Put a prompt and a fragment together: at its `{prompt}`, else behind a comma; what is there already stays so."""
    if _PLACE in fragment:
        return fragment.replace(_PLACE, prompt)
    if not fragment.strip() or fragment in prompt:
        return prompt
    return f"{prompt.rstrip()}, {fragment}" if prompt.strip() else fragment


def _taken(preset: Request, typed: Request) -> Sequence[tuple[str, JSON]]:
    named: list[tuple[str, JSON]] = [("model", preset.model)] if preset.model and not typed.model else []
    named += [(name, value) for name, value in preset.params.items() if name not in typed.params]
    return [*named, *((name, value) for name, value in preset.raw.items() if name not in typed.raw)]


def _is_name(name: object) -> bool:
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def _read(made: Mapping[str, JSON]) -> Request:
    request = request_from(made)
    params = {
        name: value
        for name, value in request.params.items()
        if name in _SENT and isinstance(value, str | int) and reads_back(_SENT[name], value)
    }
    raw = {name: value for name, value in request.raw.items() if name not in _SENT}
    return replace(request, prompt=request.prompt[:_LONGEST_FRAGMENT], params=params, raw=raw)


def _form_of(request: Request) -> dict[str, JSON]:
    form: dict[str, JSON] = {
        "prompt": request.prompt,
        "model": request.model,
        "service": request.service,
        "params": dict(request.params),
        "raw": dict(request.raw),
    }
    return {name: value for name, value in form.items() if value}
