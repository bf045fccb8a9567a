"""JSON and digests, as everything that is stored or compared needs them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

__all__ = ["JSON", "Fields", "Texts", "canonical", "digest"]

if TYPE_CHECKING:
    JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
else:
    JSON = Any  # the library that reads records resolves annotations; a type that names itself has no end

Fields: TypeAlias = Mapping[str, JSON]
Texts: TypeAlias = tuple[str, ...]


def canonical(value: JSON) -> str:
    """Return the one JSON text of a value: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(data).hexdigest()
