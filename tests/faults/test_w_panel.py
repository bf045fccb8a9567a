"""Row W1 for the panel: text from anywhere is text in its script, in a comparison and in what stands for it."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

import panels
from campaign import Campaign
from faultserver import FaultServer, Send, json_answer
from now_jupyter._messages._errors import NowImageError
from now_jupyter._panel import Comparison
from now_jupyter._session import Session
from now_jupyter._values import Status
from panels import Browser, Page, Wire
from relays import new_session
from stand import png
from test_w_markup import EVIL, PLAIN, Tags

_FOREIGN = """() => [...document.querySelectorAll('*')].map((one) => one.localName).filter((name) =>
    !/^(html|head|meta|title|style|body|main|section|header|div|span|p|h3|h4|ul|li|dl|dt|dd|i|ins|del|button|details)$/
        .test(name) && !/^(summary|input|textarea|select|option|img|svg|path|figure|figcaption)$/.test(name)
        && !/^(ol|label|canvas|footer|output)$/.test(name)
        && !/^(table|thead|tbody|tr|th|td)$/.test(name))"""
_WAYS = """() => [...document.querySelectorAll('.nowp *')].flatMap((one) => [...one.attributes])
    .filter((one) => one.name.startsWith('on') || (['href', 'src', 'action', 'srcdoc', 'xlink:href'].includes(one.name)
        && !one.value.startsWith('blob:')))
    .map((one) => `${one.name}=${one.value}`)"""
_TRAP = """() => {
    window.caught = [];
    for (const name of ['alert', 'open', 'print']) window[name] = (...given) => window.caught.push([name, ...given]);
    document.addEventListener('securitypolicyviolation', (one) => window.caught.push(one.violatedDirective));
    const policy = document.createElement('meta');
    policy.httpEquiv = 'Content-Security-Policy';
    policy.content = "script-src blob: 'unsafe-eval'; img-src blob:; frame-src 'none'; object-src 'none'";
    document.head.append(policy);
}"""


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[Session]:
    """A history of hostile text: prompts, revised prompts, tags, models, errors, as relays and users give them."""
    now = {"words": ""}

    def act(seen: Any) -> list[Send]:
        words = now["words"]
        if seen.method == "GET":
            return [Send(json_answer({"data": [{"id": words, "object": "model"}], "success": True}))]
        if int(seen.headers["content-length"]) > 700:
            return [Send(json_answer({"error": {"message": words, "code": words, "type": words}}, status=400))]
        fox = base64.b64encode(png(len(words), side=64)).decode()
        return [Send(json_answer({"data": [{"b64_json": fox, "revised_prompt": words}]}))]

    with FaultServer() as server, new_session(tmp_path, server.url) as session:
        server.script(act)
        for words in EVIL:
            now["words"] = words
            bare = words.replace("\x00", "")
            made = session.generate(bare, model="gpt-image-2", reuse=False)
            store = session.context.home().store
            number = int(made.ref.removeprefix("#"))
            store.write(replace(store.read(number), model=words, tags=(words, "*"), alt=words))
            with contextlib.suppress(NowImageError):
                session.generate(bare + " fox" * 200, model="gpt-image-2", reuse=False)
        yield session


def is_harmless(page: Page) -> None:
    """Hold that every element is one of ours, none leads anywhere, and nothing was run."""
    assert page.evaluate(_FOREIGN) == []
    assert page.evaluate(_WAYS) == []
    assert page.evaluate("() => window.caught") == []


@pytest.mark.row("W1", injected="markup, links, escapes, bidi, LaTeX in all that a panel shows")
def test_the_panel_shows_hostile_text_as_text(browser: Browser, evil: Session, campaign: Campaign) -> None:
    """Tiles, full views, filters, drafts, questions and jobs: the words are there, and no element comes of them; a
    policy that allows no script but ours is never violated.
    """
    numbers = [int(one.ref.removeprefix("#")) for one in reversed(evil.history)]
    with panels.opened(evil) as wire, browser.page(wire, height=1000) as page:
        page.evaluate(_TRAP)
        page.wait_for_pictures(4)
        is_harmless(page)
        page.evaluate("() => document.querySelector('.nowp-open').click()")
        for number in numbers:
            shows_in_full(page, wire, number)
        page.press("Escape")
        for words in EVIL:
            wire.widget.put("draft", {**wire.widget.draft, "prompt": words, "model": " ".join(words.split())[:190]})
            page.wait("words => document.querySelector('.nowp-prompt').value === words", words.replace("\r\n", "\n"))
        shows_a_failure(page, wire)
        is_harmless(page)
        assert page.errors == []
    campaign.figure("evil texts tried", len(EVIL) * 9)
    campaign.outcome(outcome="text, in elements of ours only", billed="–", kept="records, byte-exact")


def shows_in_full(page: Page, wire: Wire, number: int) -> None:
    page.wait("text => document.querySelector('.nowp-over .nowp-title').textContent === text", f"#{number}")
    found = wire.ask("detail", number=number).content
    shown = page.evaluate("() => [...document.querySelectorAll('.nowp-words')].map((one) => one.textContent)")
    assert found["prompt"] in shown
    assert all(one["revised"] in shown for one in found["pictures"] if one["revised"])
    assert all(not PLAIN.search(text) for text in [found["alt"], found["failure"], found["model"], *found["tags"]])
    tags = page.evaluate("() => [...document.querySelectorAll('.nowp-tag > span')].map((one) => one.textContent)")
    assert tags == list(found["tags"])
    is_harmless(page)
    page.press("PageDown")


def shows_a_failure(page: Page, wire: Wire) -> None:
    """A relay's refusal, full of markup, stands in the panel in the words of a cell."""
    form = {**wire.widget.draft, "prompt": "fox " * 300, "model": "gpt-image-2"}
    wire.ask("generate", draft=form, at=0.0, agreed=[])
    page.wait("() => document.querySelector('.nowp-job .nowp-error')")
    lines = next(job["lines"] for job in wire.widget.jobs if job["state"] == "failed")
    shown = page.evaluate(
        "() => [...document.querySelectorAll('.nowp-job .nowp-error p')].map((one) => one.textContent)"
    )
    assert shown == list(lines)
    assert all(not PLAIN.search(line) for line in lines)


@pytest.mark.row("W1", injected="the same in a comparison, and in the picture that stands for both")
def test_comparisons_and_static_pictures_show_it_as_text(browser: Browser, evil: Session, campaign: Campaign) -> None:
    """Differences of words and parameters are text; captions are plain lines, and nbconvert shows them literally."""
    made = [one for one in evil.history if one.status is Status.DONE]
    for first, second in zip(made[::2], made[1::2], strict=True):
        with (
            panels.opened(evil, lambda one, a=first, b=second: Comparison.of(one, [a, b])) as wire,
            browser.page(wire) as page,
        ):
            page.evaluate(_TRAP)
            page.wait("() => document.querySelector('.nowp-apart .nowp-words')")
            shown = page.evaluate("() => document.querySelector('.nowp-apart').textContent")
            assert all(line.strip() in shown for line in first.prompt.split("\n") if line.strip().isalnum())
            is_harmless(page)
            assert page.errors == []
            data, metadata = wire.widget._repr_mimebundle_()
            is_captioned_plainly(data, metadata)
    with panels.opened(evil) as wire:
        is_captioned_plainly(*wire.widget.static())
    campaign.outcome(outcome="text/plain and image/jpeg only, escaped", billed="–", kept="–")


def is_captioned_plainly(data: dict[str, Any], metadata: dict[str, Any]) -> None:
    kinds = {"text/plain", "image/jpeg", "application/vnd.jupyter.widget-view+json"}
    assert set(data) <= kinds
    for line in [*data["text/plain"].split("\n"), metadata["image/jpeg"]["alt"]]:
        assert not PLAIN.search(line), ascii(line)
    seen = {"text/plain": data["text/plain"], "image/jpeg": base64.b64encode(data["image/jpeg"]).decode()}
    output = nbformat.v4.new_output("display_data", data=seen, metadata=metadata)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(book)
    tags = Tags()
    tags.feed(page)
    assert not tags.evil
