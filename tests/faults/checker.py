"""The independent checker: what the server billed, compared with what lies on the disk and what the history says.

It reads `.now` folders with its own few lines (json and hashlib) and nothing of the package, so that a fault in the
package's reading cannot hide a fault in its writing.

    ledger = Ledger()
    server.script(ledger.sells([Send(answer)], pictures=[png]))      # billed, and what the money bought
    server.script(ledger.refuses([Send(json_answer({}, status=400))]))  # seen, not billed
    ...
    verdict = checked(ledger, folder)     # an AssertionError that names every finding, or what is kept where
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faultserver import Action, Script, Seen

__all__ = [
    "Count",
    "Job",
    "Ledger",
    "Sale",
    "Verdict",
    "checked",
    "counting",
    "findings",
    "jobs_in",
    "pictures_in",
    "sha256",
]

_OPEN = ("unknown", "partial", "pending", "running")  # the user sees that something is still to come or to be settled


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Sale:
    """One paid request that reached the server as a whole; `pictures` are the digests of what was made for it."""

    key: str
    billed: bool
    pictures: tuple[str, ...] = ()


@dataclass
class Ledger:
    """The server's book: what was asked for, and what was billed."""

    sales: list[Sale] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, key: str, *, billed: bool = True, pictures: Iterable[bytes] = ()) -> None:
        """Write down one request; `key` is its Idempotency-Key."""
        with self._lock:
            self.sales.append(Sale(key=key, billed=billed, pictures=tuple(sha256(one) for one in pictures)))

    def sells(self, script: Script, *, pictures: Iterable[bytes] = ()) -> Callable[[Seen], Sequence[Action]]:
        """Make a script of the fault server that bills what it is asked for and goes on as `script`."""
        made = tuple(pictures)
        return self._noting(script, billed=True, pictures=made)

    def refuses(self, script: Script) -> Callable[[Seen], Sequence[Action]]:
        """Make a script that bills nothing."""
        return self._noting(script, billed=False, pictures=())

    def _noting(
        self, script: Script, *, billed: bool, pictures: tuple[bytes, ...]
    ) -> Callable[[Seen], Sequence[Action]]:
        def act(seen: Seen) -> Sequence[Action]:
            if seen.method == "POST":
                self.note(seen.headers.get("idempotency-key", ""), billed=billed, pictures=pictures)
            return script(seen) if callable(script) else script

        return act

    @property
    def billed(self) -> list[Sale]:
        """What was billed, in its order."""
        with self._lock:
            return [one for one in self.sales if one.billed]

    @property
    def double_bills(self) -> int:
        """How often one order was billed once more."""
        return sum(count - 1 for count in Counter(one.key for one in self.billed).values())


@dataclass(frozen=True, kw_only=True)
class Job:
    """A record as it lies on the disk."""

    number: int
    form: Mapping[str, Any]
    answer: bytes  # the raw answer that is still kept, cut or whole

    @property
    def key(self) -> str:
        return str(self.form.get("idempotency_key", ""))

    @property
    def status(self) -> str:
        return str(self.form.get("status", "pending"))

    @property
    def billed(self) -> str:
        return str(self.form.get("billed", "no"))

    @property
    def outputs(self) -> list[Mapping[str, Any]]:
        """What was announced, those that are not here too."""
        return list(self.form.get("outputs", []))

    @property
    def files(self) -> dict[str, str]:
        """The digests of the files that it names, by their names below `pictures`."""
        return {str(one["file"]): str(one["sha256"]) for one in self.outputs if one.get("file")}

    @property
    def digests(self) -> list[str]:
        return [str(one["sha256"]) for one in self.outputs if one.get("sha256")]

    @property
    def is_open(self) -> bool:
        """Whether the user sees that it is not settled: what is still to come, or to be looked for."""
        return self.status in _OPEN or (self.billed == "maybe" and self.status != "done")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found to be in order."""

    billed: int
    safe: int  # pictures that lie on the disk, byte for byte
    marked: int  # pictures that do not, and whose record says so
    jobs: tuple[Job, ...]

    def __str__(self) -> str:
        return f"{self.safe} safe, {self.marked} marked"


def jobs_in(folder: Path) -> list[Job]:
    """Read the records of a folder, those in the trash too."""
    return [*_jobs_below(folder, "jobs"), *_jobs_below(folder, "trash")]


def _jobs_below(folder: Path, part: str) -> Iterator[Job]:
    for path in sorted((folder / part).glob("*.json")):
        if not path.stem.isdigit():
            continue
        form = json.loads(path.read_bytes())
        answers = [folder / "answers" / path.stem, folder / "answers" / f"{path.stem}.part"]
        answer = b"".join(one.read_bytes() for one in answers if one.exists())
        yield Job(number=int(path.stem), form=form, answer=answer)


def pictures_in(folder: Path) -> dict[str, str]:
    """Give the digest of each file below `pictures`, by its name."""
    paths = sorted(path for path in (folder / "pictures").glob("*") if path.suffix != ".tmp")
    return {path.name: sha256(path.read_bytes()) for path in paths}


def _broken_in(folder: Path) -> list[str]:
    """Name the files that are there and hold other bytes than a record says, or that two records claim."""
    there, owners = pictures_in(folder), Counter[str]()
    broken: list[str] = []
    for job in jobs_in(folder):
        owners.update(job.files.keys())
        broken += [name for name, digest in job.files.items() if there.get(name, digest) != digest]
    return [*broken, *(name for name, count in owners.items() if count > 1)]


def findings(ledger: Ledger, *folders: Path, elsewhere: Iterable[bytes] = ()) -> list[str]:
    """Compare the ledger with folders; `elsewhere` are bytes that were found in a spill folder, an output, or so."""
    found: list[str] = []
    jobs = [job for folder in folders for job in jobs_in(folder)]
    safe = _safe(folders, elsewhere)
    for folder in folders:
        found += [f"{name} holds other bytes than its record says" for name in _broken_in(folder)]
        found += _about_files(folder)
    if ledger.double_bills:
        found.append(f"{ledger.double_bills} orders were billed twice")
    for sale in ledger.billed:
        found += _about_sale(sale, [job for job in jobs if job.key == sale.key], safe)
    asked = {sale.key for sale in ledger.sales}
    for job in jobs:
        found += _about_job(job, safe, is_known=job.key in asked)
    return found


def _safe(folders: Sequence[Path], elsewhere: Iterable[bytes]) -> set[str]:
    quarantined = (path.read_bytes() for folder in folders for path in (folder / "quarantine").glob("*"))
    return {
        *(digest for folder in folders for digest in pictures_in(folder).values()),
        *(sha256(data) for data in quarantined),
        *(sha256(data) for data in elsewhere),
    }


def _about_sale(sale: Sale, jobs: Sequence[Job], safe: set[str]) -> Iterator[str]:
    if not jobs:
        yield f"order {sale.key} was billed and has no record"
    if jobs and all(job.billed == "no" for job in jobs):
        yield f"order {sale.key} was billed and #{jobs[0].number} says that it was not"
    missing = [digest for digest in sale.pictures if digest not in safe]
    if missing and jobs and not any(job.is_open for job in jobs):
        yield f"#{jobs[0].number} is {jobs[0].status}, and {len(missing)} of its pictures are nowhere"


def _about_files(folder: Path) -> Iterator[str]:
    there = pictures_in(folder)
    for job in jobs_in(folder):
        yield from (f"#{job.number} names {name}, which is not there" for name in job.files if name not in there)
        yield from (f"#{job.number} has a picture without a file" for one in job.outputs if _has_no_file(one))


def _has_no_file(output: Mapping[str, Any]) -> bool:
    return bool(output.get("sha256")) and not output.get("file")


def _about_job(job: Job, safe: set[str], *, is_known: bool) -> Iterator[str]:
    for digest in job.digests:
        if digest not in safe:
            yield f"#{job.number} names picture {digest[:12]}, which is not there"
    if job.billed == "yes" and not is_known and not job.form.get("demo"):
        yield f"#{job.number} says that it was billed, and nobody did"


@dataclass(frozen=True, kw_only=True)
class _Tally:
    """What one comparison counted."""

    pictures_billed: int
    pictures_kept: int
    jobs_lost: int
    double_bills: int


@dataclass
class Count:
    """What all comparisons of a test counted; of those of the same folders the last one speaks."""

    _latest: dict[tuple[Path, ...], _Tally] = field(default_factory=dict)

    def note(self, folders: tuple[Path, ...], tally: _Tally) -> None:
        self._latest[folders] = tally

    @property
    def figures(self) -> dict[str, int]:
        """The figures of the closing note."""
        found = self._latest.values()
        return {
            "pictures billed": sum(one.pictures_billed for one in found),
            "pictures kept": sum(one.pictures_kept for one in found),
            "jobs lost": sum(one.jobs_lost for one in found),
            "double bills": sum(one.double_bills for one in found),
        }


_COUNTS: list[Count] = []


@contextmanager
def counting() -> Iterator[Count]:
    """Count in all comparisons made inside, whatever thread makes them."""
    count = Count()
    _COUNTS.append(count)
    try:
        yield count
    finally:
        _COUNTS.remove(count)


def _counted(ledger: Ledger, folders: tuple[Path, ...], safe: set[str], jobs: Sequence[Job]) -> _Tally:
    bought = [digest for sale in ledger.billed for digest in sale.pictures]
    lost = {
        sale.key
        for sale in ledger.billed
        if any(True for _ in _about_sale(sale, [job for job in jobs if job.key == sale.key], safe))
    }
    tally = _Tally(
        pictures_billed=len(bought),
        pictures_kept=sum(digest in safe for digest in bought),
        jobs_lost=len(lost),
        double_bills=ledger.double_bills,
    )
    for count in _COUNTS:
        count.note(folders, tally)
    return tally


def checked(ledger: Ledger, *folders: Path, elsewhere: Iterable[bytes] = ()) -> Verdict:
    """Compare, count, and give what is in order.

    Raises:
        AssertionError: money and disk do not agree; all findings are named.
    """
    others = tuple(elsewhere)
    safe = _safe(folders, others)
    jobs = tuple(job for folder in folders for job in jobs_in(folder))
    tally = _counted(ledger, folders, safe, jobs)
    wrong = findings(ledger, *folders, elsewhere=others)
    if wrong:
        raise AssertionError("\n".join(wrong))
    return Verdict(
        billed=len(ledger.billed),
        safe=tally.pictures_kept,
        marked=tally.pictures_billed - tally.pictures_kept,
        jobs=jobs,
    )
