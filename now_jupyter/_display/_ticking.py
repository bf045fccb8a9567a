"""How far a job is, in words, and how that goes on below a cell that was left: one thread looks, once a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .._messages import Language, plain, say
from .._orders import Job

__all__ = ["line_of", "tick_on"]

_BAR = 10
_WORDS_SHOWN = 40
_SECONDS = 1.0
_LOCK = threading.Lock()
_ACTS: list[Callable[[], bool]] = []


def tick_on(act: Callable[[], bool]) -> None:
    """Have `act` called once a second until it returns False."""
    with _LOCK:
        _ACTS.append(act)
        if len(_ACTS) == 1:
            threading.Thread(target=_tick, name="now-jupyter-ticking", daemon=True).start()


def _tick() -> None:
    going_on = True
    while going_on:
        time.sleep(_SECONDS)
        over = [act for act in list(_ACTS) if not act()]
        with _LOCK:
            _ACTS[:] = [act for act in _ACTS if act not in over]
            going_on = bool(_ACTS)


def line_of(job: Job, language: Language, *, what: str = "", with_bar: bool = True) -> str:
    """Return how far a job is, as one line that begins with `what` is said of it, else with its number."""
    facts = [say("{ref} · {seconds} s", language, ref=what or job.refs or "…", seconds=int(job.elapsed))]
    if (usually := job.usually) is not None:
        facts.append(say("usually {seconds} s", language, seconds=round(usually)))
    if job.progress is not None and job.progress.words:
        facts.append(plain(job.progress.words, _WORDS_SHOWN))
    if with_bar and job.progress is not None and job.progress.fraction is not None:
        facts.append(f"{'█' * round(job.progress.fraction * _BAR):░<{_BAR}}")
    return " · ".join(facts)
