"""`%now doctor`: looks whether everything is in order before money is spent, and repairs what is safe to repair.

Nothing is sent but the question to the system's resolver whether it answers with made-up addresses, and that only
where a relay outside of this machine is in use. Nothing that was paid for is deleted: what is odd goes to quarantine.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from .._history import live_record
from .._messages import Language, StoreCorrupt, StoreError, plain, say
from .._store import Record, RecordedOutput, RescueFolder, Store, digest_of_file, is_missing, list_names
from .._values import Status

__all__ = ["Finding", "Report", "examined"]

_PACKAGES = ("now_jupyter", "ipython", "ipykernel", "httpx", "anyio", "ipywidgets", "Pillow")
_LEFT_BEHIND_SECONDS = 3600.0  # a write takes seconds; a download at most two minutes
_MOST_NAMED = 8
_LONGEST_LINE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at, in the user's language."""

    state: Literal["fine", "repaired", "attention"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the doctor found, in the order in which it looked."""

    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing needs the user's attention."""
        return all(one.state != "attention" for one in self.findings)

    def text(self) -> str:
        """Return one line a finding: `✓` fine, `+` repaired, `!` for the user to look at."""
        signs = {"fine": "✓", "repaired": "+", "attention": "!"}
        return "\n".join(f"{signs[one.state]} {one.text}" for one in self.findings)

    def __repr__(self) -> str:
        return self.text()


def _found(state: Literal["fine", "repaired", "attention"], text: str) -> Finding:
    return Finding(state=state, text=plain(text, _LONGEST_LINE))


def examined(
    store: Store,
    spill: RescueFolder,
    *,
    names_are_faked: bool | None,
    language: Language = "en",
    now: float | None = None,
) -> Report:
    """Return what one look at a history found; `names_are_faked` is None where no resolver had to be asked."""
    findings = [_software(language), *_resolver(names_are_faked, language)]
    if not store.exists:
        return Report(findings=(*findings, *_unborn(store, language)))
    findings += [_place(store, language), *_records(store, language)]
    records, trashed = _readable(store), _trashed(store)
    findings += [*_jobs(store, records, language), *_outputs(store, records, language)]
    findings += _strangers(store, [*records, *trashed], language)
    findings += _leftovers(store, time.time() if now is None else now, language)
    return Report(findings=(*findings, *_rescued(spill, [*records, *trashed], language)))


def _software(language: Language) -> Finding:
    versions = ", ".join(f"{name} {number}" for name in _PACKAGES if (number := _version(name)))
    return _found("fine", say("{versions}, Python {python} on {system}", language, versions=versions, **_system()))


def _system() -> dict[str, str]:
    return {"python": ".".join(map(str, sys.version_info[:3])), "system": platform.system()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _resolver(names_are_faked: bool | None, language: Language) -> Iterator[Finding]:  # noqa: FBT001 - three states
    if names_are_faked is None:
        return
    if names_are_faked:
        yield _found(
            "fine",
            say(
                "names are answered from 198.18.0.0/15 (a proxy such as Clash or Surge); links work through it",
                language,
            ),
        )
    else:
        yield _found("fine", say("the resolver answers with real addresses", language))


# The folder


def _unborn(store: Store, language: Language) -> Iterator[Finding]:
    if is_missing(store.folder):
        yield _found(
            "fine", say("there is no history yet; {path} is made with the first picture", language, path=store.folder)
        )
    else:
        yield _found(
            "attention", say("{path} is there and is no history that can be used", language, path=store.folder)
        )


def _place(store: Store, language: Language) -> Finding:
    try:
        store.preflight()
    except StoreError as problem:
        return _problem(problem, language)
    return _found("fine", say("the folder {path} is ours, may be written and has room", language, path=store.folder))


def _problem(problem: StoreError, language: Language) -> Finding:
    return _found(
        "attention", say("{problem}: {cure}", language, problem=problem.message(), cure=problem.next_step() or "–")
    )


def _readable(store: Store) -> list[Record]:
    try:
        return [live_record(store, record) for record in store.records()]
    except StoreError:
        return []


def _trashed(store: Store) -> list[Record]:
    try:
        return store.trashed()
    except StoreError:
        return []


def _records(store: Store, language: Language) -> Iterator[Finding]:
    try:
        count = len(store.records())
    except StoreError as problem:
        yield _problem(problem, language)
        return
    if store.damaged:
        yield _found(
            "attention",
            say(
                "{count} records cannot be read and are left as they are: {names}",
                language,
                count=len(store.damaged),
                names=_named(store.damaged),
            ),
        )
    else:
        yield _found("fine", say("all {count} records can be read", language, count=count))


def _jobs(store: Store, records: Sequence[Record], language: Language) -> Iterator[Finding]:
    waiting = [
        one.ref for one in records if one.status in (Status.PENDING, Status.PARTIAL) and not _is_busy(store, one)
    ]
    unknown = [one.ref for one in records if one.status is Status.UNKNOWN and not one.settled]
    if waiting:
        yield _found(
            "attention",
            say("{names} did not arrive in full: %now resume collects them, free", language, names=_named(waiting)),
        )
    if unknown:
        yield _found(
            "attention",
            say(
                "{names} may have been billed and nothing came: %now resume looks again, --fresh orders again",
                language,
                names=_named(unknown),
            ),
        )
    if not waiting and not unknown:
        yield _found("fine", say("no order is left open", language))


def _is_busy(store: Store, record: Record) -> bool:
    return store.is_held(record.number)


# Outputs


def _outputs(store: Store, records: Sequence[Record], language: Language) -> Iterator[Finding]:
    kept = [(record.ref, one) for record in records for one in record.outputs if one.sha256]
    states = [(ref, one.file, _state_of(store, one)) for ref, one in kept]
    intact = {file for _, file, state in states if state == "intact"}  # whatever another record may say of it
    for file, ref in {file: ref for ref, file, state in states if state == "changed" and file not in intact}.items():
        yield _put_aside(store, file, ref, language)
    missing = list(dict.fromkeys(ref for ref, _, state in states if state != "intact"))
    if missing:
        text = say(
            "pictures of {names} are not in the folder any more; restore them from a backup",
            language,
            names=_named(missing),
        )
        yield _found("attention", text)
    else:
        yield _found("fine", say("all {count} pictures are what their digests say", language, count=len(kept)))


def _put_aside(store: Store, file: str, ref: str, language: Language) -> Finding:
    place = store.quarantine(store.output_path(file), reason="other bytes than its record says")
    text = say(
        "{file} of {ref} had other bytes than its record says; it is now {place}",
        language,
        file=file,
        ref=ref,
        place=place,
    )
    return _found("repaired", text)


def _state_of(store: Store, one: RecordedOutput) -> Literal["intact", "changed", "missing"]:
    path = store.output_path(one.file)
    if is_missing(path):
        return "missing"
    try:
        return "intact" if digest_of_file(path) == one.sha256 else "changed"
    except StoreCorrupt:
        return "changed"
    except StoreError:
        return "missing"


def _strangers(store: Store, records: Sequence[Record], language: Language) -> Iterator[Finding]:
    """Look for files that no record names; one of an order under way is about to be named."""
    named = {one.file for record in records for one in record.outputs}
    busy = tuple(f"{one.number}{sign}" for one in records if not one.is_over and _is_busy(store, one) for sign in "-.")
    names = [one for one in list_names(store.pictures) if not one.startswith(".") and one not in named]
    strangers = sorted(name for name in names if not (busy and name.startswith(busy)))
    if strangers:
        text = say(
            "{count} files in {path} belong to no record: {names}",
            language,
            count=len(strangers),
            path=store.pictures,
            names=_named(strangers),
        )
        yield _found("attention", text)


# Repairs


def _leftovers(store: Store, now: float, language: Language) -> Iterator[Finding]:
    left = [path for path in store.leftovers() if now - path.lstat().st_mtime > _LEFT_BEHIND_SECONDS]
    for path in left:
        store.quarantine(path, reason="left behind by a kernel that was killed")
    if left:
        yield _found(
            "repaired", say("{count} unfinished files of killed kernels went to quarantine", language, count=len(left))
        )


def _rescued(spill: RescueFolder, records: Sequence[Record], language: Language) -> Iterator[Finding]:
    away = spill.identities()
    ours = [record.ref for record in records if record.id in away]
    others = len(away - {record.id for record in records})
    if ours:
        yield _found(
            "attention",
            say(
                "pictures of {names} wait outside of the history: %now resume brings them in",
                language,
                names=_named(ours),
            ),
        )
    if others:
        yield _found(
            "fine",
            say(
                "{count} orders of other notebooks have pictures waiting outside of their history",
                language,
                count=others,
            ),
        )


def _named(names: Sequence[str]) -> str:
    return ", ".join([*names[:_MOST_NAMED], "…"] if len(names) > _MOST_NAMED else names)
