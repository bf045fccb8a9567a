"""How the package is loaded where it is first used."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["garbage_can_wait"]


@contextmanager
def garbage_can_wait() -> Iterator[None]:
    """Load modules without the garbage collector passing over them again and again, a sixth of the time otherwise.

    To freeze and unfreeze is to let what was made count as old at once: modules live as long as Python does.
    """
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:  # else somebody froze on purpose what is to stay so
            gc.freeze()
            gc.unfreeze()
        if is_enabled:
            gc.enable()
