"""Every benchmark runs, in its tiny form: few orders, one round, no peers; that it runs is all that its figures say."""

from __future__ import annotations

import ast
import importlib
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
import growth
import one_picture
import waiting
from harness import Noise, Row, Verdict
from stage import HERE, Stage
from write_readme import template

pytestmark = pytest.mark.slow
IN_CHINESE = json.loads((HERE / "zh.json").read_text(encoding="utf-8"))
PEERS = ("order_with_sdk", "order_in_threads", "order_expertly")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage.set_up(is_tiny=True) as stage:
        yield stage


@pytest.mark.parametrize("group", bench.GROUPS)
def test_each_benchmark_gives_figures(group: str, stage: Stage) -> None:
    """All of its rows have a figure, and those with a goal a verdict."""
    rows = list(importlib.import_module(group).rows(stage))
    assert rows
    for row in rows:
        assert row.ours
        assert all(math.isfinite(one) and one >= 0 for one in (*row.ours, *row.theirs))
        assert (row.goal is None) or row.verdict is not Verdict.TOLD or row.of == "ratio"
        assert all("|" not in cell and "\n" not in cell for cell in row.cells())
        assert row.goal is None or template(row.work) in IN_CHINESE, "the Chinese README shows it"


def test_the_growth_of_cost_is_told_for_each_size(stage: Stage) -> None:
    """Each line fills the table's head."""
    lines = list(growth.lines(stage))
    assert [line[0] for line in lines] == ["1", "4"]
    assert all(len(line) == len(growth.HEAD) and all(line) for line in lines)


@pytest.mark.parametrize("name", PEERS)
def test_peers_order_what_they_are_asked_for(name: str, stage: Stage, tmp_path: Path) -> None:
    """Their scripts run here, too: httpx and the SDK belong to the tests' environment."""
    stage.relay.set()
    script = f"import asyncio, cells; asyncio.run(cells.{name}({stage.relay.base_url!r}, {str(tmp_path)!r}, 3, 2))"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=HERE)
    assert stage.relay.taken().posts == 3
    assert all(one.read_bytes().startswith(b"\x89PNG") for one in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("code", [one_picture.FIRST["by-hand"], one_picture.EXPERT, waiting.SET_UP])
def test_what_peers_cells_hold_is_python(code: str) -> None:
    """It runs only where the peers are."""
    ast.parse(code.format(base_url="http://127.0.0.1"))


def test_a_noisy_machine_tells_only_what_is_clear() -> None:
    """A close call is none, what was counted is not touched by noise, and a clear figure is clear."""
    noisy = Noise(spread=0.5)
    close = Row(work="", unit="ms", ours=[90, 95, 130], goal=100, noise=noisy)
    assert close.verdict is Verdict.NOISY
    clear = Row(work="", unit="ms", ours=[10, 12, 30], goal=100, noise=noisy)
    assert clear.verdict is Verdict.REACHED
    missed = Row(work="", unit="ms", ours=[300, 320], goal=100, noise=noisy)
    assert missed.verdict is Verdict.MISSED
    counted = Row(work="", unit="", ours=[6, 7], goal=6, is_counted=True, noise=noisy)
    assert counted.verdict is Verdict.MISSED


def test_ratios_are_taken_round_by_round() -> None:
    """A slow moment of the machine meets both sides, and falls out."""
    row = Row(work="", unit="ms", ours=[10, 100, 12], peer="httpx", theirs=[10, 100, 10], goal=1.1, of="ratio")
    assert row.ratios == [1.0, 1.0, 1.2]
    assert (row.ratio, row.verdict) == (1.0, Verdict.REACHED)
