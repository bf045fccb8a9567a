"""Row W1 in a real JupyterLab: what a relay or a user wrote is text on the page, and nothing of it becomes the page."""

from __future__ import annotations

import base64

import pytest

from campaign import Campaign
from faultserver import FaultServer, Seen, Send, json_answer
from lab import Lab
from stand import png

EVIL = (
    "<img src=x onerror=document.title='now-evil'>",
    "<script>document.title='now-evil'</script>",
    "</pre></div><iframe srcdoc=now-evil>",
    "<a href=javascript:document.title='now-evil'>x</a>",
    "[now-evil](javascript:alert(1))",
    "$\\href{javascript:alert(1)}{now-evil}$",
    "<style>body{display:none}</style>",
    "<b onmouseover=now-evil>",
)
WORDS = " ".join(EVIL)
_LONG = 2000
_ITS_OWN = """() => {
    const shown = [...document.querySelectorAll('.jp-OutputArea-output')];
    const odd = 'script, style:not(.nowp *), iframe, [onerror], [onmouseover], a[href^="javascript:"], img[src="x"], b';
    return shown.flatMap((one) => [...one.querySelectorAll(odd), ...one.querySelectorAll('mjx-container, .MathJax')])
        .map((one) => one.outerHTML.slice(0, 80));
}"""


def _answer(seen: Seen) -> list[Send]:
    """List a model, refuse what is long with hostile words, and sell a picture with a hostile revised prompt."""
    if seen.method == "GET":
        return [Send(json_answer({"data": [{"id": f"gpt-image-9{EVIL[0]}"}, {"id": "gpt-image-2"}]}))]
    if int(seen.headers["content-length"]) > _LONG:
        return [Send(json_answer({"error": {"message": WORDS, "code": WORDS}}, status=400))]
    item = {"b64_json": base64.b64encode(png(1)).decode(), "revised_prompt": WORDS}
    return [Send(json_answer({"data": [item]}))]


@pytest.mark.row("W1", injected="scripts, handlers, frames, links, LaTeX in prompt, answer, error, lists; JupyterLab")
def test_hostile_words_are_text_in_jupyterlab(lab: Lab, campaign: Campaign) -> None:
    """Captions, errors and lists show the words literally; the page gains no element, title or request from them."""
    with FaultServer() as server:
        server.script(_answer)
        page = lab.open(
            [
                f"%load_ext now_jupyter\nimport os; os.environ['NOW_BASE_URL'] = {server.url!r}",
                f"%%nowimage -m gpt-image-2 --literal\n{WORDS}",
                f"%%nowimage -m gpt-image-2 --literal\n{WORDS} {'fox ' * _LONG}",
                "%now history",
                "%now recall #1",
                "%now models",
                "import now_jupyter as nj; nj.history[0]",
            ]
        )
        title = page.evaluate("() => document.title")
        for index in range(7):
            page.run(index)
        page.wait_for_text(6, "#1 ·")
        texts = [page.text(index) for index in range(7)]
        assert page.evaluate(_ITS_OWN) == []
        assert page.evaluate("() => document.title") == title
        assert [index for index in range(1, 6) if "now-evil" not in texts[index]] == []
        assert "<img src=x" in texts[1]
        assert "<script>" in texts[2]
        assert server.posts == 2
        assert lab.page_errors == []
        campaign.outcome(outcome="text on the page", billed="yes", kept="picture and its words, as they came")
