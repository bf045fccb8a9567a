"""The main job in a real JupyterLab in a real Chromium, as a person does it."""

from __future__ import annotations

import shutil

from clean_room import ROOT
from lab import Lab

QUICKSTART = ROOT / "notebooks" / "01-quickstart.ipynb"
SLOW = """%%nowimage -p demo={"latency":8}
a slow whale under the moon"""


def code_outputs(notebook: object) -> list[dict[str, object]]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]  # type: ignore[attr-defined]


def test_the_quickstart_runs_saves_and_opens_again_with_its_pictures(lab: Lab) -> None:
    """Run All, save, reopen: the pictures are there, nothing failed in the page, nothing left this machine."""
    path = lab.folder / QUICKSTART.name
    shutil.copy(QUICKSTART, path)
    page = lab.open(path)
    page.run_all()
    page.wait_for_text(3, "#1")
    page.screenshot("quickstart")
    saved = page.save()
    errors = [output for output in code_outputs(saved) if output["output_type"] == "error"]  # type: ignore[index]
    assert errors == []
    assert path.stat().st_size < 400_000
    page.load()
    page.wait_for_images(3, (512, 288))
    assert (path.with_suffix(".now") / "pictures").is_dir()
    assert lab.page_errors == []
    assert lab.console_errors == []
    assert lab.strangers == []


def test_stop_waiting_frees_the_cell_and_the_picture_arrives_in_its_place(lab: Lab) -> None:
    """The button frees the cell at once, the next cell runs, and the late picture takes the place kept for it."""
    page = lab.open(["%load_ext now_jupyter", SLOW, "print('free')"])
    page.run(0)
    page.run(1, wait=False)
    page.wait_for_text(1, "Stop waiting")
    page.wait_for("() => document.querySelector('.progress-bar')?.offsetHeight > 3", timeout=30)  # it can be seen
    page.screenshot("waiting")
    page.click("Stop waiting", index=1)
    page.wait_for_text(1, "on its way")
    page.run(2)
    page.wait_for_text(2, "free")
    assert page.images(1) == []
    page.screenshot("stopped")
    page.wait_for_images(1, (512, 512), timeout=60)
    page.wait_for_text(1, "gpt-image-2 · 1024×1024")
    page.screenshot("arrived")
    kinds = {kind for output in code_outputs(page.save()) for kind in output.get("data", {})}
    assert kinds <= {"image/png", "image/jpeg", "text/plain"}
    assert lab.page_errors == []
    assert lab.strangers == []
