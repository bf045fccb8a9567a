"""What is under way, for the panel: looked at four times a second while there is anything, told when it changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from .._messages import lines_of, plain
from .._orders import Job
from .._session import Session

__all__ = ["JobBoard"]

_SECONDS = 0.25
_MOST_SHOWN = 12
_PROMPT_SHOWN = 160


@dataclass(slots=True)
class _Entry:
    """What the panel knows of a job beside what the job itself says."""

    job: Job
    key: str
    began: float
    prompt: str = ""
    is_own: bool = False
    is_hidden: bool = False
    preview: bytes | None = None


class JobBoard:
    """The jobs of a session, and the failures of those that this panel ordered until they are put away.

    `tell` gets the forms of all jobs, `show` the bytes of an unfinished picture and its job's key.
    """

    def __init__(
        self, session: Session, tell: Callable[[list[dict[str, Any]]], None], show: Callable[[str, bytes], None]
    ) -> None:
        self._session = session
        self._tell = tell
        self._show = show
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._keys = count(1)
        self._entries: dict[Job, _Entry] = {}
        self._shown: list[dict[str, Any]] = []

    def add(self, job: Job, prompt: str) -> str:
        """Take up a job that this panel ordered, and return its key."""
        with self._lock:
            entry = self._entry(job)
            entry.prompt, entry.is_own = prompt, True
        job.on_done(lambda _: self._wake.set())
        self.look()
        return entry.key

    def look(self) -> None:
        """Begin to look, unless that goes on already."""
        self._wake.set()
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._watch, name="now-jupyter-panel", daemon=True)
                self._thread.start()

    def stop(self, key: str) -> bool:
        """Cancel a job that was not sent, else stop waiting for it; return whether it was cancelled."""
        for entry in self._find(key):
            if entry.job.cancel():
                return True
            entry.is_hidden = True
            entry.job.stop_waiting()
            self.look()
        return False

    def dismiss(self, key: str) -> None:
        """Put a failure away."""
        for entry in self._find(key):
            entry.is_own = False
        self.look()

    def _find(self, key: str) -> list[_Entry]:
        with self._lock:
            return [entry for entry in self._entries.values() if entry.key == key]

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._wake.set()

    def previews(self) -> dict[str, bytes]:
        """Return the newest unfinished picture of each job that is shown."""
        named = (entry for form in self._shown for entry in self._find(form["key"]))
        return {entry.key: entry.preview for entry in named if entry.preview}

    # The look

    def _watch(self) -> None:
        while not self._closed:
            self._wake.wait(_SECONDS)
            self._wake.clear()
            self._look_once()
            with self._lock:
                if not any(form["state"] == "running" for form in self._shown) and not self._wake.is_set():
                    self._thread = None
                    return

    def _look_once(self) -> None:
        with self._lock:
            jobs = self._session.jobs()
            known = [self._entry(job) for job in (*jobs, *self._entries)]
            kept = [one for one in known if (one.is_own or one.job in jobs) and not _went_well(one.job)]
            self._entries = {one.job: one for one in kept}
            shown = [one for one in self._entries.values() if not one.is_hidden]
        shown.sort(key=lambda entry: int(entry.key))
        forms = [self._form(entry) for entry in shown[-_MOST_SHOWN:]]
        if forms != self._shown:
            self._shown = forms
            self._tell(forms)
        for entry in shown:
            progress = entry.job.progress
            if progress and progress.preview and progress.preview is not entry.preview:
                entry.preview = progress.preview
                self._show(entry.key, entry.preview)

    def _form(self, entry: _Entry) -> dict[str, Any]:
        job = entry.job
        records, error, progress = job.records, job.error(), job.progress
        return {
            "key": entry.key,
            "ref": job.refs,
            "prompt": plain(records[0].request.prompt if records else entry.prompt, _PROMPT_SHOWN),
            "model": plain(records[0].model, 80) if records else "",
            "began": entry.began,
            "usually": job.usually,
            "sent": job.is_sent,
            "fraction": progress.fraction if progress else None,
            "state": "failed" if error is not None else "running",
            "lines": lines_of(error) if error is not None else [],
            "notes": [plain(note) for note in _notes_of(job)],
            "own": entry.is_own,
        }

    def _entry(self, job: Job) -> _Entry:
        if job not in self._entries:
            self._entries[job] = _Entry(job, str(next(self._keys)), time.time() - job.elapsed)
        return self._entries[job]


def _notes_of(job: Job) -> list[str]:
    """Return what the service says of how far it is, what was remarked, and how unfinished pictures are had."""
    words = job.progress.words if job.progress else ""
    return [note for note in (words, *job.notes, job.hint) if note]


def _went_well(job: Job) -> bool:
    """Whether there is nothing more to say: the picture is in the gallery, or the user took the order back."""
    return job.done() and (job.error() is None or isinstance(job.error(), KeyboardInterrupt))
