"""How large a notebook with twenty pictures is, against one that holds the originals as `display(Image(…))` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from harness import Row
from stage import Cell, Stage

__all__ = ["rows"]


def rows(stage: Stage) -> Iterator[Row]:
    """Make the pictures in cells, then show the same files whole, and compare the two files."""
    count = stage.few(20, 2)
    stage.relay.set()
    with stage.new_folder() as folder, stage.kernel(folder=folder) as kernel:
        kernel.do("%load_ext now_jupyter")
        ours = _megabytes(kernel, [f"%nowimage -m gpt-image-2 a red fox in snow {number}" for number in range(count)])
        files = sorted((folder / "bench.now" / "pictures").iterdir())
        kernel.do("from IPython.display import Image, display")
        theirs = _megabytes(kernel, [f"display(Image(filename={str(file)!r}))" for file in files])
    yield Row(
        work=f"notebook with {count} pictures",
        unit="MB",
        ours=[ours],
        peer="originals embedded, as jupyter-ai does",
        theirs=[theirs],
        goal=0.04,
        of="ratio",
        is_counted=True,
    )


def _megabytes(kernel: Cell, codes: Sequence[str]) -> float:
    """Run cells and give the size of the notebook that a front end would save."""
    cells = []
    for code in codes:
        ran = kernel.do(code)
        cells.append(new_code_cell(code, outputs=[nbformat.from_dict(one) for one in ran.outputs]))
    return len(nbformat.writes(new_notebook(cells=cells)).encode()) / 1e6
