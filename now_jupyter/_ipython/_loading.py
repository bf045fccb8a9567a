"""How the package is loaded where it is first used."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["garbage_can_wait"]


@contextmanager
def garbage_can_wait() -> Iterator[None]:
    """Load modules without the garbage collector passing over them again and again, a sixth of the time otherwise.

    To freeze and unfreeze is to let what was made count as old at once: modules live as long as Python does.
    """
    is_enabled, loaded = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > loaded and gc.get_freeze_count() == 0:  # what somebody froze is to stay so
            gc.freeze()
            gc.unfreeze()
        if is_enabled:
            gc.enable()
