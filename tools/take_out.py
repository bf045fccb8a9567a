"""Take each defence out of a copy of the project, and see whether its test fails: `make defences`.

    take_out.py [WORD …]      only those of a row (H4), of a group of rows (H), or whose test holds the word
    take_out.py --limit 90    seconds after which a test is taken to hang

A copy without a change runs all tests first, as a test that fails anyway proves nothing. What counts as proof is a test
that fails; an error while it is collected or set up, a name that the change has left undefined, or a process that
imported `now_jupyter` from elsewhere than its copy is a fault of the entry. Ends with 1 unless all are proven.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "faults"))

from defences import DEFENCES, Defence  # noqa: E402 - the folder of the campaign is no package

__all__ = ["main", "taken_out"]

PROVEN, SURVIVED, FAULTY = "proven", "SURVIVED", "FAULTY"
_AT_ONCE = 2
_LONGEST_ROW = 2
_LIMIT = 150.0
_SHOWN = 3000  # characters of what pytest said
_LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "try", "build", "dist", "results"
)
_CARELESS = re.compile(
    r"^E?\s*(?:NameError|ImportError|ModuleNotFoundError|SyntaxError|IndentationError|UnboundLocalError)\b.*",
    re.MULTILINE,
)
# Put behind the copy's own sitecustomize, which every Python process of a test imports at its start. The book is opened
# there and then, as some tests watch what is opened later.
_WITNESS = """

import os
import sys
from importlib.machinery import PathFinder


class _Witness:
    book = os.open({book!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    write = staticmethod(os.write)

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "now_jupyter":
            spec = PathFinder.find_spec(name, path)
            cls.write(cls.book, f"{{spec and spec.origin}}\\n".encode())


sys.meta_path.insert(0, _Witness)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one run: how it went, and the words to it."""

    name: str
    words: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the chosen defences, print a line for each, and tell whether all are proven."""
    asked = _asked(arguments)
    chosen = [one for one in DEFENCES if _is_meant(one, asked.words)]
    print(f"{len(chosen)} defences, {len({one.test for one in chosen})} tests", flush=True)
    untouched = _ran_untouched(chosen, limit=asked.limit)
    if untouched.name != SURVIVED:
        print(f"with all defences in, the tests do not pass:\n{untouched.words}")
        return 1
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        verdicts = [
            _told(one, verdict) for one, verdict in pool.map(lambda one: (one, taken_out(one, asked.limit)), chosen)
        ]
    rows = {one.row for one in chosen}
    proven = verdicts.count(PROVEN)
    print(f"proven: {proven} of {len(chosen)} defences in {len(rows)} rows")
    return int(proven < len(chosen))


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Take defences out of copies, and see their tests fail.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="a row, a group of rows, or a part of a test's name")
    parser.add_argument("--limit", type=float, default=_LIMIT, help="seconds after which a test is taken to hang")
    return parser.parse_args(arguments)


def _is_meant(one: Defence, words: Sequence[str]) -> bool:
    names = {word for word in words if len(word) <= _LONGEST_ROW}
    return not words or bool(names & {one.row, one.row[0]}) or any(word in one.test for word in set(words) - names)


def _told(one: Defence, verdict: Verdict) -> str:
    print(f"{one.row:3} {verdict.name:8}  {one.says}  [{one.path}]", flush=True)
    if verdict.name != PROVEN:
        print(f"    {one.test}\n{verdict.words}", flush=True)
    return verdict.name


def taken_out(one: Defence, limit: float) -> Verdict:
    """Run the test of a defence where that defence is not."""
    with _copy() as copy:
        source = copy / one.path
        try:
            source.write_text(one.taken_out(source.read_text("utf-8")), "utf-8")
        except (ValueError, OSError) as problem:
            return Verdict(name=FAULTY, words=str(problem))
        return _ran(copy, [one.test], limit, hangs=one.hangs)


def _ran_untouched(chosen: Sequence[Defence], *, limit: float) -> Verdict:
    with _copy() as copy:
        tests = list(dict.fromkeys(one.test for one in chosen))
        return _ran(copy, tests, limit * len(tests), hangs=False)


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="defence-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=_LEFT_BEHIND)
        with (copy / "tests" / "guard" / "sitecustomize.py").open("a", encoding="utf-8") as custom:
            custom.write(_WITNESS.format(book=str(_book(copy))))
        yield copy


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _book(copy: Path) -> Path:
    return copy.with_name("imported")


def _ran(copy: Path, tests: Sequence[str], limit: float, *, hangs: bool) -> Verdict:
    report = copy.with_name("report.xml")
    command = [sys.executable, "-m", "pytest", *tests, "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    paths = [copy / "tests" / "guard", copy]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(_made(copy.with_name("tmp"))),  # apart from what is written down beside the copy
    }
    heard = copy.with_name("heard")
    with (
        heard.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            command, cwd=copy, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Verdict(name=PROVEN if hangs else FAULTY, words=f"it hung for {limit:.0f} s")
    if stray := _strays(copy):
        return Verdict(name=FAULTY, words=f"now_jupyter was imported from elsewhere: {stray}")
    words = heard.read_text("utf-8", "replace")[-_SHOWN:]
    return _read(report, words) if report.exists() else Verdict(name=FAULTY, words=words)


def _strays(copy: Path) -> list[str]:
    """Say from where now_jupyter came where that was not the copy; nobody having imported it is as bad."""
    seen = _book(copy).read_text("utf-8").splitlines() if _book(copy).exists() else ["nowhere"]
    return sorted({one for one in seen if not Path(one).is_relative_to(copy)})


def _read(report: Path, said: str) -> Verdict:
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest has just written it
    failures = [found for case in cases for found in case.findall("failure")]
    careless = [found[0] for one in failures if (found := _CARELESS.search(one.text or ""))]
    if careless or any(case.find("error") is not None for case in cases) or not cases:
        return Verdict(name=FAULTY, words="\n".join([*careless, said]))
    if failures:
        return Verdict(name=PROVEN, words=_first_words(failures))
    return Verdict(name=SURVIVED, words="")


def _first_words(failures: Iterable[ET.Element]) -> str:
    return "\n".join((one.get("message") or "")[:300] for one in failures)


if __name__ == "__main__":
    sys.exit(main())
