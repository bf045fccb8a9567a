"""What is under way, for the panel: looked at four times a second while there is anything, told when it changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from .._messages import NowImageError, plain
from .._orders import Job
from .._session import Session

__all__ = ["JobBoard"]

_SECONDS = 0.25
_MOST_SHOWN = 12
_PROMPT_SHOWN = 160


class JobBoard:
    """The jobs of a session, and the failures of those that this panel ordered until they are put away."""

    def __init__(
        self, session: Session, tell: Callable[[list[dict[str, Any]]], None], show: Callable[[str, bytes], None]
    ) -> None:
        """`tell` gets the forms of all jobs, `show` the bytes of an unfinished picture and its job's key."""
        self._session = session
        self._tell = tell
        self._show = show
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._keys: WeakKeyDictionary[Job, str] = WeakKeyDictionary()
        self._starts: dict[str, float] = {}
        self._prompts: dict[str, str] = {}
        self._partials: dict[str, tuple[int, bytes]] = {}
        self._own: dict[str, Job] = {}
        self._hidden: set[str] = set()
        self._count = 0
        self._last: list[dict[str, Any]] = []

    def add(self, job: Job, prompt: str) -> str:
        """Take up a job that this panel ordered; gives its key."""
        with self._lock:
            key = self._key(job)
            self._own[key] = job
            self._prompts[key] = prompt
        job.on_done(lambda _: self._wake.set())
        self.look()
        return key

    def look(self) -> None:
        """Begin to look, unless that goes on already."""
        self._wake.set()
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._watch, name="now-jupyter-panel", daemon=True)
                self._thread.start()

    def stop(self, key: str) -> bool:
        """Cancel a job that was not sent, else stop waiting for it; tells whether it was cancelled."""
        job = self._job(key)
        if job is None:
            return False
        if job.cancel():
            return True
        self._hidden.add(key)
        job.stop_waiting()
        self.look()
        return False

    def dismiss(self, key: str) -> None:
        """Put a failure away."""
        with self._lock:
            self._own.pop(key, None)
        self.look()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._wake.set()

    def partials(self) -> dict[str, bytes]:
        """Give the newest unfinished picture of each job."""
        return {key: data for key, (_, data) in self._partials.items()}

    # The look

    def _watch(self) -> None:
        while not self._closed:
            self._wake.wait(_SECONDS)
            self._wake.clear()
            self._look_once()
            with self._lock:
                if not any(form["state"] == "running" for form in self._last) and not self._wake.is_set():
                    self._thread = None
                    return

    def _look_once(self) -> None:
        with self._lock:
            jobs = {self._key(job): job for job in [*self._session.jobs(), *self._own.values()]}
            self._own = {key: job for key, job in self._own.items() if not _went_well(job)}
        shown = [(key, job) for key, job in jobs.items() if key not in self._hidden and not _went_well(job)]
        forms = [self._form(key, job) for key, job in shown[-_MOST_SHOWN:]]
        self._forget(set(jobs))
        if forms != self._last:
            self._last = forms
            self._tell(forms)
        for key, job in shown:
            self._look_at_partial(key, job)

    def _form(self, key: str, job: Job) -> dict[str, Any]:
        records, error, progress = job.records, job.error(), job.progress
        prompt = records[0].request.prompt if records else self._prompts.get(key, "")
        return {
            "key": key,
            "ref": job.refs,
            "prompt": plain(prompt, _PROMPT_SHOWN),
            "model": plain(records[0].model, 80) if records else "",
            "began": self._starts[key],
            "usually": job.usually,
            "sent": job.is_sent,
            "fraction": progress.fraction if progress else None,
            "state": "failed" if error is not None else "running",
            "lines": _lines(error) if error is not None else [],
            "notes": [plain(note) for note in job.notes],
            "own": key in self._own,
        }

    def _look_at_partial(self, key: str, job: Job) -> None:
        data = job.progress.preview if job.progress else None
        if data is None or self._partials.get(key, (0, b""))[0] == id(data):
            return
        self._partials[key] = (id(data), data)
        self._show(key, data)

    def _forget(self, alive: set[str]) -> None:
        for kept in (self._starts, self._prompts, self._partials):
            for key in [key for key in kept if key not in alive]:
                kept.pop(key, None)

    def _key(self, job: Job) -> str:
        if job not in self._keys:
            self._count += 1
            self._keys[job] = str(self._count)
            self._starts[str(self._count)] = time.time() - job.elapsed
        return self._keys[job]

    def _job(self, key: str) -> Job | None:
        with self._lock:
            return next((job for job, mine in self._keys.items() if mine == key), None)


def _went_well(job: Job) -> bool:
    """Whether there is nothing more to say: the picture is in the gallery, or the user took the order back."""
    return job.done() and (job.error() is None or isinstance(job.error(), KeyboardInterrupt))


def _lines(error: BaseException) -> list[str]:
    """Give an error in the words of a cell."""
    if isinstance(error, NowImageError):
        return error.lines()
    return [f"{type(error).__name__}: {plain(error)}"]
