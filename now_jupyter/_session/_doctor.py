"""`%now doctor`: looks whether everything is in order before money is spent, and repairs what is safe to repair.

Nothing is sent but free questions: to the relay for its list of models, and, where it is outside of this machine, to
the system's resolver whether it answers with made-up addresses. Nothing that was paid for is deleted: what is odd goes
to quarantine.
"""

from __future__ import annotations

import platform
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, TypeAlias

from .._history import live_record
from .._messages import BadImageError, BadResponseError, Language, NowImageError, RejectedError, StoreError, plain
from .._messages import say as translate
from .._relay import Trial
from .._services import refused_plugins
from .._store import Record, RecordedOutput, RescueFolder, Store, digest_of_file, list_names
from .._values import Status

__all__ = ["Finding", "Report", "examine"]

_PACKAGES = ("now_jupyter", "ipython", "ipykernel", "httpx", "anyio", "ipywidgets", "Pillow")
_LEFT_BEHIND_SECONDS = 3600.0  # a write takes seconds; a download at most two minutes
_MOST_NAMED = 8
_LONGEST_LINE = 1000
_MOST_READ = 2 << 30  # bytes of outputs that one look reads; of the rest the sizes are compared
_OPEN = (Status.PENDING, Status.PARTIAL, Status.UNKNOWN)
_READ = tuple(one.__name__ for one in (BadResponseError, BadImageError, RejectedError))  # all that came was looked at
_State: TypeAlias = Literal["fine", "repaired", "attention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at, in the user's language."""

    state: _State
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


def examine(  # noqa: PLR0913 - what was asked before, in which language to tell, and the time
    store: Store,
    spill: RescueFolder,
    *,
    names_are_faked: bool | None,
    trial: Trial | None = None,
    language: Language = "en",
    now: float | None = None,
) -> Report:
    """Return what one look at a history found.

    `names_are_faked` is None where no resolver had to be asked, `trial` where there is no relay to be tried.
    """
    doctor = _Doctor(store, language)
    doctor.look_at_software()
    if trial is not None:
        doctor.look_at_relay(trial)
    doctor.look_at_resolver(names_are_faked)
    doctor.look_at_plugins()
    if store.exists:
        doctor.look_at_folder()
        doctor.look_at_records()
        records, trashed = doctor.read(store.records), doctor.read(store.trashed)
        doctor.look_at_jobs(records)
        doctor.look_at_outputs(records)
        doctor.look_for_strangers([*records, *trashed])
        doctor.clear_leftovers(time.time() if now is None else now)
        doctor.look_for_rescued(spill, [*records, *trashed])
    else:
        doctor.look_for_folder()
    return Report(findings=tuple(doctor.findings))


class _Doctor:
    """One look at a history, a method for each thing that is looked at; what is found goes to `findings`."""

    def __init__(self, store: Store, language: Language) -> None:
        self._store = store
        self._may_repair = store.is_own
        self._language = language
        self._left = _MOST_READ
        self.findings: list[Finding] = []

    def say(self, template: str, *, state: _State = "fine", **facts: object) -> None:
        text = plain(translate(template, self._language, **facts), _LONGEST_LINE)
        self.findings.append(Finding(state=state, text=text))

    def _note_problem(self, problem: NowImageError) -> None:
        problem = problem.in_language(self._language)
        what, cure = problem.message(), problem.next_step() or "–"
        self.say("{problem}: {cure}", state="attention", problem=what, cure=cure)

    def read(self, read: Callable[[], list[Record]]) -> list[Record]:
        try:
            return [live_record(self._store, record) for record in read()]
        except StoreError:
            return []

    def look_at_software(self) -> None:
        versions = ", ".join(f"{name} {number}" for name in _PACKAGES if (number := _version(name)))
        python = ".".join(map(str, sys.version_info[:3]))
        self.say("{versions}, Python {python} on {system}", versions=versions, python=python, system=platform.system())

    def look_at_plugins(self) -> None:
        for name, why in refused_plugins(self._language).items():
            self.say("the plug-in {name} is left out: {why}", state="attention", name=name, why=why)

    def look_at_relay(self, trial: Trial) -> None:
        if trial.proxy:
            self.say("the way to the relay is through the proxy {proxy}", proxy=trial.proxy)
        if trial.problem is None:
            self.say("the relay lists {count} models; pictures are ordered at {url}", count=trial.count, url=trial.url)
        elif trial.is_answered:
            words = trial.problem.in_language(self._language).message()
            self.say("the relay answers, but: {problem}; pictures are ordered at {url}", problem=words, url=trial.url)
        else:
            self._note_problem(trial.problem)
            if trial.url:
                self.say("pictures would be ordered at {url}", state="attention", url=trial.url)
        if trial.instead:
            self.say(
                "the relay's API answers at {address}: give that to %now login",
                state="attention",
                address=trial.instead,
            )

    def look_at_resolver(self, names_are_faked: bool | None) -> None:  # noqa: FBT001 - three states
        if names_are_faked:
            self.say("names are answered from 198.18.0.0/15 (a proxy such as Clash or Surge); links work through it")
        elif names_are_faked is not None:
            self.say("the resolver answers with real addresses")

    def look_at_folder(self) -> None:
        try:
            self._store.preflight()
        except StoreError as problem:
            self._note_problem(problem)
        else:
            self.say("the folder {path} is ours, may be written and has room", path=self._store.folder)

    def look_for_folder(self) -> None:
        """Say what stands in the place of a history, where there is none."""
        try:
            self._store.require_own()
        except StoreError as problem:
            self._note_problem(problem)
        else:
            self.say("there is no history yet; {path} is made with the first picture", path=self._store.folder)

    def look_at_records(self) -> None:
        try:
            count = len(self._store.records())
        except StoreError as problem:
            self._note_problem(problem)
            return
        if damaged := self._store.damaged:
            self.say(
                "{count} records cannot be read and are left as they are: {names}",
                state="attention",
                count=len(damaged),
                names=_join(damaged),
            )
        else:
            self.say("all {count} records can be read", count=count)
        if left := self._store.left_out:
            self.say(
                "the {count} oldest orders, up to #{number}, are left out: too much for the memory together",
                state="attention",
                count=len(left),
                number=left[0],
            )

    def look_at_jobs(self, records: Sequence[Record]) -> None:
        left = [
            one for one in records if one.status in _OPEN and not one.settled and not self._store.is_held(one.number)
        ]
        waiting = [one.ref for one in left if self._may_bring_more(one)]
        short = [one.ref for one in left if one.ref not in waiting and one.has_answer]
        unknown = [one.ref for one in left if one.ref not in waiting and not one.has_answer]
        if waiting:
            names = _join(waiting)
            self.say("{names} did not arrive in full: %now resume collects them, free", state="attention", names=names)
        if short:
            self.say("{names} brought less than was ordered, and there is no more to collect", names=_join(short))
        if unknown:
            self.say(
                "{names} may have been billed and nothing came: ask the relay; --fresh orders again",
                state="attention",
                names=_join(unknown),
            )
        if not waiting and not unknown:
            self.say("no order is left open")

    def _may_bring_more(self, record: Record) -> bool:
        """Whether `resume` has anything to collect: a task, a link, an answer that was not read to its end."""
        if record.state is not None or any(one.sources and not one.is_here for one in record.outputs):
            return True
        if record.error is not None and (record.error.type in _READ or record.error.status is not None):
            return False
        with suppress(StoreError):
            return self._store.answer(record.number) is not None
        return False

    def look_at_outputs(self, records: Sequence[Record]) -> None:
        kept = [(record.ref, one) for record in records for one in record.outputs if one.sha256]
        states = [(ref, one.file, self._state_of(one)) for ref, one in kept]
        intact = {file for _, file, state in states if state == "intact"}  # whatever another record may say of it
        changed = {file: ref for ref, file, state in states if state == "changed" and file not in intact}
        for file, ref in changed.items() if self._may_repair else ():
            place = self._store.quarantine(self._store.output_path(file), reason="other bytes than its record says")
            self.say(
                "{file} of {ref} had other bytes than its record says; it is now {place}",
                state="repaired",
                file=file,
                ref=ref,
                place=place,
            )
        missing = list(dict.fromkeys(ref for ref, _, state in states if state != "intact"))
        if missing:
            names = _join(missing)
            self.say(
                "pictures of {names} are not in the folder any more; restore them from a backup",
                state="attention",
                names=names,
            )
        else:
            self.say("all {count} pictures are what their digests say", count=len(kept))
        if self._left < 0:
            self.say(
                "they are larger than {size} GiB together: of some only the size was compared", size=_MOST_READ >> 30
            )

    def _state_of(self, one: RecordedOutput) -> Literal["intact", "changed", "missing"]:
        path = self._store.output_path(one.file)
        try:
            seen = path.lstat()
            if stat.S_ISREG(seen.st_mode) and one.size_bytes not in (0, seen.st_size):
                return "changed"
            self._left -= seen.st_size
            if self._left < 0:
                return "intact"
            return "intact" if digest_of_file(path) == one.sha256 else "changed"
        except (StoreError, OSError):
            return "missing"  # or something else bears its name, which is left alone

    def look_for_strangers(self, records: Sequence[Record]) -> None:
        """Look for files that no record names; one of an order under way is about to be named."""
        folder = self._store.pictures
        named = {one.file for record in records for one in record.outputs}
        busy = [one.number for one in records if not one.is_over and self._store.is_held(one.number)]
        expected = tuple(f"{number}{sign}" for number in busy for sign in "-.")
        odd = [name for name in list_names(folder) if name not in named and not name.startswith((".", *expected))]
        left_out = {str(number) for number in self._store.left_out}
        odd = [name for name in odd if name.partition("-")[0].partition(".")[0] not in left_out]
        if odd:
            self.say(
                "{count} files in {path} belong to no record: {names}",
                state="attention",
                count=len(odd),
                path=folder,
                names=_join(sorted(odd)),
            )

    def clear_leftovers(self, now: float) -> None:
        paths = self._store.leftovers() if self._may_repair else []
        left = [path for path in paths if now - path.lstat().st_mtime > _LEFT_BEHIND_SECONDS]
        for path in left:
            self._store.quarantine(path, reason="left behind by a kernel that was killed")
        if left:
            self.say("{count} unfinished files of killed kernels went to quarantine", state="repaired", count=len(left))

    def look_for_rescued(self, spill: RescueFolder, records: Sequence[Record]) -> None:
        away = spill.identities()
        ours = [record.ref for record in records if record.id in away]
        others = len(away - {record.id for record in records})
        if ours:
            names = _join(ours)
            self.say(
                "pictures of {names} wait outside of the history: %now resume brings them in",
                state="attention",
                names=names,
            )
        if others:
            self.say("{count} orders of other notebooks have pictures waiting outside of their history", count=others)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _join(names: Sequence[str]) -> str:
    return ", ".join([*names[:_MOST_NAMED], "…"] if len(names) > _MOST_NAMED else names)
