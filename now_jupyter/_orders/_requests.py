"""From what was typed to an order: options under their API names, and what is wanted around the request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .._background import Execution
from .._json import JSON
from .._messages import InputError
from .._options import Parsed, option
from .._settings import Reuse
from .._values import Money, Request
from ._planning import Order

__all__ = ["order_of"]


def order_of(parsed: Parsed, *, execution: Execution | None = None) -> Order:
    """Make the order; `execution` is the run of the cell that it is made in."""
    options = parsed.options
    save = options.get("save")
    return Order(
        request=_request_of(parsed.prompt, options),
        reuse=_reuse_of(options),
        execution=execution,
        name=_text(options.get("output")),
        tags=tuple(cast("tuple[str, ...]", options.get("tag", ()))),
        alt=_text(options.get("alt")) or "",
        save=_place_of(str(save)) if save else None,
        agreed=bool(options.get("yes")),
        budget=cast("Money | None", options.get("budget")),
    )


def _request_of(prompt: str, options: Mapping[str, object]) -> Request:
    fields: dict[str, Any] = {
        one.field: value for name, value in options.items() if (one := option(name)).field is not None
    }
    extra = cast("Mapping[str, JSON]", options.get("param", {}))
    return Request(
        prompt=prompt,
        model=_text(options.get("model")),
        service=_text(options.get("service")) or "openai",
        params={**fields, **extra},
    )


def _reuse_of(options: Mapping[str, object]) -> Reuse | None:
    if options.get("fresh"):
        return "never"
    return "always" if options.get("reuse") else None


def _place_of(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody
        pass
    raise InputError("{path} begins with a home folder that nobody has", advice="give the whole path", path=text)


def _text(value: object) -> str | None:
    return str(value) if value else None
