"""The fault campaign: each test says which row of the table it proves, and the run can print that table.

    @pytest.mark.row("H1", injected="400, 404, 413")
    def test_…(campaign): … campaign.outcome(outcome="RejectedError", billed="no", kept="record")

`pytest tests/faults --full-faults --fault-table` runs the long, enumerated forms and prints what came of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign import Book, Campaign, Line
from checker import counting
from disks import small_disk
from kills import Kernels

FULL, TABLE = "--full-faults", "--fault-table"
_WIDTHS = (4, 58, 44, 6)


_COUNTED = ("pictures billed", "pictures kept", "jobs lost", "double bills")
_ADDED = ("kill points survived", "lines interrupted")
_BOOK = pytest.StashKey[Book]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption(FULL, action="store_true", default=False, help="run the enumerated long forms of the faults")
    group.addoption(TABLE, action="store_true", default=False, help="print row, injected, outcome, billed, kept")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(id, injected): the row of the fault table that a test proves")
    config.addinivalue_line("markers", f"full_faults: a long form that only {FULL} runs")
    config.stash[_BOOK] = Book(figures=dict.fromkeys((*_COUNTED, *_ADDED), 0))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption(FULL, default=False):
        return
    long = [item for item in items if item.get_closest_marker("full_faults")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the checker finds billed, kept, lost and billed twice goes into the figures, whatever test asks it."""
    with counting() as count:
        yield
    if request.node.get_closest_marker("row") is None:
        return
    figures = request.config.stash[_BOOK].figures
    for name, amount in count.figures.items():
        figures[name] += amount


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Campaign:
    """The book of this run, opened at the row that the test proves."""
    mark = request.node.get_closest_marker("row")
    assert mark is not None, "say which row of the table this test proves: @pytest.mark.row(…)"
    return Campaign(
        book=request.config.stash[_BOOK],
        row=mark.args[0],
        injected=mark.kwargs.get("injected", ""),
        is_full=bool(request.config.getoption(FULL, default=False)),
    )


@pytest.fixture
def full_faults(request: pytest.FixtureRequest) -> bool:
    """Whether the enumerated long forms are wanted."""
    return bool(request.config.getoption(FULL, default=False))


@pytest.fixture(scope="session", autouse=True)
def kernels_are_described(kernels_folder: Path) -> None:
    """Any fault may be tried in a real kernel."""


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    with Kernels() as kernels:
        yield kernels


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB and 400 files."""
    with small_disk(tmp_path / "disk", inodes=400) as disk:
        yield disk


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    mark = item.get_closest_marker("row")
    if mark is not None and report.failed and (book := item.config.stash.get(_BOOK, None)) is not None:
        line = Line(row=mark.args[0], injected=item.name, outcome=f"FAILED in {report.when}", billed="?", kept="?")
        book.lines.append(line)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    book = config.stash.get(_BOOK, None)
    if book is None or not config.getoption(TABLE, default=False):
        return
    terminalreporter.section("faults")
    for line in [_HEAD, *sorted(book.lines, key=_place)]:
        cells = (line.row, line.injected, line.outcome, line.billed)
        fitted = [f"{cell[:width]:{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)]
        terminalreporter.write_line("  ".join([*fitted, line.kept]))
    rows = {line.row for line in book.lines}
    failed = {line.row for line in book.lines if line.outcome.startswith("FAILED")}
    terminalreporter.write_line(f"rows passed: {len(rows - failed)} of {len(rows)}")
    for name, amount in sorted(book.figures.items()):
        terminalreporter.write_line(f"{name}: {amount:g}")


_HEAD = Line(row="row", injected="injected", outcome="outcome", billed="billed", kept="kept")


def _place(line: Line) -> tuple[int, str]:
    letters = "VHBNDTSKWX"
    return letters.find(line.row[:1]), line.row
