"""The helper that drives a real JupyterLab sees what a person sees."""

from __future__ import annotations

import pytest

from lab import Lab

PICTURE = """
import base64, io
from IPython.display import Image, display
from PIL import Image as Painter
file = io.BytesIO()
Painter.new("RGB", (64, 48), "red").save(file, "png")
display(Image(file.getvalue()), display_id="picture")
"""
BUTTON = """
import ipywidgets
out = ipywidgets.Label("waiting")
button = ipywidgets.Button(description="Press me")
button.on_click(lambda _: setattr(out, "value", "pressed"))
display(button, out)
"""


def test_a_notebook_is_run_saved_and_opened_again(lab: Lab) -> None:
    """Pictures have their size in the page, prompts their numbers, and the file holds what the page shows."""
    page = lab.open([PICTURE, "print('fox')", BUTTON])
    page.run(0)
    page.wait_for_images(0, (64, 48))
    page.run_all()
    page.wait_for_prompts("[2]:", "[3]:", "[4]:")
    assert page.text(1) == "fox"
    page.click("Press me", index=2)
    page.wait_for_text(2, "pressed")
    saved = page.save()
    assert "image/png" in saved.cells[0].outputs[0].data
    page.load()
    page.wait_for_images(0, (64, 48))
    page.screenshot("helper")
    assert lab.page_errors == []
    assert lab.strangers == []


def test_a_started_cell_can_be_watched_interrupted_and_the_kernel_restarted(lab: Lab, kernel6: str) -> None:
    """While a cell runs its prompt is a star; ■ ends it; the older kernel serves Lab too."""
    page = lab.open(["import ipykernel, time; print(ipykernel.__version__); time.sleep(600)", "1 + 1"], kernel=kernel6)
    page.run(0, wait=False)
    page.wait_for_text(0, "6.31")
    assert page.prompts() == ["[*]:", "[ ]:"]
    page.interrupt()
    page.wait_for_text(0, "KeyboardInterrupt")
    page.wait_for_prompts("[1]:", "[ ]:")
    page.restart()
    page.run(1)
    page.wait_for_prompts("[1]:", "[1]:")


def test_a_page_that_leaves_the_machine_is_seen(lab: Lab) -> None:
    """A request beyond loopback is refused and written down."""
    page = lab.open(["1"])
    page.evaluate("() => fetch('https://relay.example/v1/models').catch(() => 0)")
    assert lab.strangers == ["https://relay.example/v1/models"]
    lab.strangers.clear()
    with pytest.raises(TimeoutError, match="the cells show"):
        page.wait_for_text(0, "never", timeout=0.3)
