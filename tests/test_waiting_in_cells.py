"""How waiting looks in a cell, whoever ordered, and inside an Output widget, which takes no update by display id."""

from __future__ import annotations

from pathlib import Path

from kernels import Kernel, Output

SLOW = "-m dall-e-2 -s 256x256 -p 'demo={\"latency\":0.6}'"
SETUP = """
%load_ext now_jupyter
%config Now.progress_after = 0.1
import now_jupyter as nj, ipywidgets as widgets
nj.use_demo(instant=True)
out = widgets.Output()
"""


def _images(outputs: list[Output]) -> list[str]:
    return [one["data"]["image/png"] for one in outputs if "image/png" in one.get("data", {})]


def test_inside_an_output_widget_the_result_is_a_new_output(either_kernel: str, tmp_path: Path) -> None:
    """A slow picture is no update, nor is one that nobody waits for: it is appended when it is there."""
    with Kernel(either_kernel, cwd=tmp_path) as kernel:
        kernel.run(SETUP)
        ran = kernel.run(f"with out:\n    %nowimage {SLOW} fox")
        assert [one["msg_type"] for one in ran.messages if one["msg_type"].endswith("display_data")] == [
            "display_data",
            "display_data",
        ]
        assert len(_images(ran.outputs)) == 1
        assert "VBox" not in ran.text
        ran = kernel.run(f"with out:\n    job = %nowimage --no-wait {SLOW} dog\nnj.wait()")
        assert not _images(ran.outputs)
        assert kernel.run("len([one for one in out.outputs if 'image/png' in one['data']])").result == "1"
        ran = kernel.run("out.append_display_data(nj.history[-1]); out.outputs[-1]['data']['image/png'][:5]")
        assert ran.result == "'iVBOR'"
        assert not _images(ran.outputs)


def test_waiting_looks_alike_whoever_ordered(either_kernel: str, tmp_path: Path) -> None:
    """`nj.generate` shows the line of the magic, which becomes its picture; a job as a value tells the time, too."""
    slow = "model='dall-e-2', size='256x256', params={'demo': {'latency': %s}}"
    with Kernel(either_kernel, cwd=tmp_path) as kernel:
        kernel.run(SETUP, cell_id="a")
        ran = kernel.run(f"g = nj.generate('fox', {slow % 0.6})", cell_id="b")
        line = next(one["content"]["data"] for one in ran.messages if one["msg_type"] == "display_data")
        assert "application/vnd.jupyter.widget-view+json" in line
        assert "VBox" not in line["text/plain"]
        assert " s · demo, costs nothing" in ran.text
        assert not _images(ran.outputs)
        ran = kernel.run(f"nj.generate('dog', {slow % 0.6})", cell_id="c")
        assert len(ran.outputs) == 2
        assert len(_images(ran.outputs)) == 1
        ran = kernel.run(f"nj.submit('owl', {slow % 2.5})", cell_id="d")
        kernel.until(lambda: "will appear here · 1 s" in ran.text, 20, "the time")
        kernel.until(lambda: bool(_images(ran.outputs)), 20, "the picture")
        kernel.until(lambda: "owl · dall-e-2" in ran.text, 20, "its caption")
