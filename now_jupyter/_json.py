"""What JSON may hold, the one text of it, and the identity of bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["JSON", "canonical", "digest"]

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


def canonical(value: JSON) -> str:
    """Write JSON in the one form in which equal values are equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(data: bytes) -> str:
    """Give the SHA-256 of the bytes, in hex: the identity of a picture."""
    return hashlib.sha256(data).hexdigest()
