"""The contact sheet, as a browser shows it that runs no script and reaches nobody."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from drawing import encoded, signed, texture
from kept_pictures import history_in, keep_picture
from now_jupyter._values import Request
from panels import Browser

HOSTILE = "<img src=x onerror=window.bad=1>\"'><b>bold</b></figcaption><script>window.bad=1</script> & \u202e {{1+1}}"


class Outline(HTMLParser):
    """The elements of a page and their attributes; comments and declarations are listed, too."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def hostile_page(tmp_path: Path) -> Path:
    store, history = history_in(tmp_path / "s.now")
    request = Request(prompt=HOSTILE, params={"size": HOSTILE})
    keep_picture(store, encoded(texture()), request=request, model=HOSTILE, tags=(HOSTILE,), alt=HOSTILE)
    keep_picture(store, encoded(texture(200, 300, 2), "JPEG"), "a quiet one")
    keep_picture(store, signed("WEBP"), "signed")
    return history.export(tmp_path / "<b>sheet.html").path


def test_all_text_is_text(hostile_page: Path) -> None:
    """Prompt, model, tags, parameters, alternative text and title come from anyone: none opens an element."""
    outline = Outline(hostile_page.read_text("utf-8"))
    assert {name for name, _ in outline.elements} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "main", "figure", "img", "figcaption", "p",
    }  # fmt: skip
    assert not [one for _, attributes in outline.elements for one in attributes if one.startswith("on")]
    images = outline.all("img")
    assert len(images) == 3
    assert all(re.fullmatch(r"data:image/(png|jpeg|webp);base64,[\w+/=]+", one["src"] or "") for one in images)
    assert {one["loading"] for one in images} == {"lazy"}
    assert all(one["alt"] for one in images)


def test_every_picture_says_that_it_was_generated(hostile_page: Path) -> None:
    """In the picture's own bytes, and beside it for machines that read pages."""
    said = [one["content"] for one in Outline(hostile_page.read_text("utf-8")).all("meta") if one.get("itemprop")]
    assert len(said) == 3
    assert {str(one).rpartition("/")[2] for one in said} == {"trainedAlgorithmicMedia"}


def test_a_clean_page_tells_nothing_of_how_it_was_made(tmp_path: Path) -> None:
    """Neither in words nor in the alternative text, unless that was written for the picture."""
    store, history = history_in(tmp_path / "s.now")
    keep_picture(store, encoded(texture()), "secret words", model="secret model")
    keep_picture(store, encoded(texture(50, 50)), "secret words", alt="A fox sleeps.")
    text = history.export(tmp_path / "clean.html", metadata=False).path.read_text("utf-8")
    assert "secret" not in text
    assert [one["alt"] for one in Outline(text).all("img")] == ["1", "A fox sleeps."]


def test_what_cannot_be_shown_is_named(tmp_path: Path) -> None:
    """A picture that no decoder reads, or that is gone."""
    store, history = history_in(tmp_path / "s.now")
    keep_picture(store, b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "vector")
    gone = keep_picture(store, encoded(texture()), "gone")
    (store.pictures / gone.outputs[0].file).unlink()
    text = history.export(tmp_path / "x.html").path.read_text("utf-8")
    assert "1-vector.svg" in text
    assert "the file of this picture is gone" in text
    assert "<svg" not in text


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_without_script_shows_it(scheme: Any, browser: Browser, hostile_page: Path) -> None:
    """All pictures have pixels, nothing ran or was asked for, nothing is wider than the window; axe is content."""
    for width in (480, 1400):
        seen = browser.portal.call(_look, browser, hostile_page, scheme, width)
        assert seen["broken"] == []
        assert seen["bad"] is None
        assert seen["asked"] == []
        assert seen["wide"] <= width
        assert seen["serious"] == []
        assert (seen["ground"] == "rgb(255, 255, 255)") == (scheme == "light")


async def _look(browser: Browser, path: Path, scheme: Any, width: int) -> dict[str, Any]:
    context = await browser.chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    try:
        page = await context.new_page()
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        await page.goto(path.as_uri())
        await page.evaluate("() => document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
        await page.wait_for_function("() => [...document.images].every((one) => one.complete)")
        axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        await page.evaluate(axe + ";0")
        found = await page.evaluate("() => axe.run().then((one) => one.violations)")
        broken = "() => [...document.images].filter((one) => !one.naturalWidth).map((one) => one.alt)"
        return {
            "broken": await page.evaluate(broken),
            "bad": await page.evaluate("() => window.bad ?? null"),
            "asked": [one for one in asked if not one.startswith(("file:", "data:"))],
            "wide": await page.evaluate("() => document.documentElement.scrollWidth"),
            "ground": await page.evaluate("() => getComputedStyle(document.body).backgroundColor"),
            "serious": [one["id"] for one in found if one["impact"] in ("serious", "critical")],
        }
    finally:
        await context.close()
