"""Ways to buy slowly, and to wait for something."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATH = "/v1/images/generations"


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end


def slow(seconds: float = 0.6) -> dict[str, Any]:
    return {"params": {"demo": {"latency": seconds}}}
