"""What a magic shows."""

from __future__ import annotations

import pytest

from now_jupyter._values import Generation
from shells import SMALL, Shell


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "pictures"),
    [
        ("%nowimage {} fox", 1),
        ("%%nowimage {}\nfox", 1),
        ("x = %nowimage {} fox", 1),
        ("x = %nowimage {} fox\nx", 1),
        ("x = %nowimage {} fox\ndisplay(x)", 1),
        ("%nowimage {} fox\n%nowimage {} dog", 2),
        ("for i in range(3):\n    %nowimage {} fox", 3),
        ("def f():\n    g = %nowimage {} fox\n    return g\nf()", 1),
        ("if True:\n    %nowimage {} fox", 1),
        ("get_ipython().run_cell('%nowimage {} fox')", 1),
        ("get_ipython().run_line_magic('nowimage', '{} fox')", 1),
        ("%%time\n%nowimage {} fox", 1),
        ("%time x = get_ipython().run_line_magic('nowimage', '{} fox')", 1),
        ("%%capture out\n%nowimage {} fox", 0),
        ("%nowimage {} fox;", 1),
        ("%nowimage --show none {} fox", 0),
        ("%nowimage --show text {} fox", 0),
        ("%nowimage --show full {} fox", 1),
        ("%nowimage -n 4 {} fox", 1),
        ("%nowimage {} fox\nimport now_jupyter as nj\nnj.history[0].pictures[0]", 2),
        ("import now_jupyter as nj\ng = nj.generate('fox', model='dall-e-2', size='256x256')", 0),
        ("import now_jupyter as nj\nnj.generate('fox', model='dall-e-2', size='256x256')", 1),
        ("import now_jupyter as nj\nawait nj.agenerate('fox', model='dall-e-2', size='256x256')", 1),
    ],
)
@pytest.mark.parametrize("way", ["awaited", "autoawait off", "await_cells off"])
def test_every_picture_is_shown_once(shell: Shell, code: str, pictures: int, way: str) -> None:
    """Wherever the magic stands, its picture is shown, and the value that it gives shows nothing again."""
    if way == "autoawait off":
        shell.run("%autoawait off")
    if way == "await_cells off":
        shell.run("%config Now.await_cells = False")
    if way == "autoawait off" and "await nj" in code:
        return
    assert shell.pictures(code.replace("{}", SMALL)) == pictures


def test_a_value_that_was_shown_is_the_last_picture(shell: Shell) -> None:
    """`-1` counts what a cell shows as its value, of a history too."""
    shell.run(f"%nowimage {SMALL} fox\n%nowimage {SMALL} hare")
    last = "import now_jupyter as nj\nnj.session().picture(-1).ref"
    assert shell.run(last) == "#2"
    shell.run("nj.history['#1'].pictures[0]")
    assert shell.run(last) == "#1"
    shell.run("nj.history[-1]")
    assert shell.run(last) == "#2"


def test_a_history_is_shown_as_a_table(shell: Shell) -> None:
    """As the value of a cell, by `%now history`, and chosen: text for terminals beside it."""
    shell.run(f"%nowimage {SMALL} fox\nimport now_jupyter as nj")
    for code in ("nj.history", "nj.history[:1]", "nj.history.search('fox')", "%now history", "%now history fox"):
        value = shell.run(code)
        data, _ = shell.ip.display_formatter.format(value)
        assert data["text/html"].startswith("<table>")
        assert "fox" in data["text/plain"]


def test_the_value_is_in_out_and_underscore(shell: Shell) -> None:
    """A cell that ends with the magic gives its generation, which a later cell shows again."""
    generation = shell.run(f"%nowimage {SMALL} fox")
    assert isinstance(generation, Generation)
    count = shell.ip.execution_count - 1
    assert shell.ip.user_ns["_"] is shell.ip.user_ns["Out"][count] is generation
    assert shell.pictures("_") == 1
    assert shell.pictures(f"Out[{count}]") == 1


def test_another_value_is_shown_although_the_first_is_gone(shell: Shell) -> None:
    """What was shown is told by the value itself, not by where in the memory it lay."""
    shell.run(f"%nowimage {SMALL} fox")
    code = f"import now_jupyter as nj\nfor i in range(2):\n    %nowimage {SMALL} dog\ndel i\nnj.history[0]"
    assert shell.pictures(code) == 3


def test_a_picture_and_its_caption_are_two_outputs(shell: Shell) -> None:
    """The picture carries its fact line and its metadata, the caption is plain text with a stable first line."""
    picture, caption = shell.shown(f"%nowimage {SMALL} --alt 'an animal' a red fox")
    made = shell.session.history[-1]
    mime = next(name for name in picture["data"] if name != "text/plain")
    assert set(picture["data"]) == {"text/plain", mime}
    assert picture["data"]["text/plain"] == repr(made.pictures[0])
    assert picture["metadata"]["now"] == {"id": made.id, "sha256": [made.pictures[0].sha256], "demo": True}
    assert picture["metadata"][mime] == {"width": 256, "height": 256, "alt": "an animal"}
    first, second = caption["data"]["text/plain"].split("\n")
    assert set(caption["data"]) == {"text/plain"}
    assert first == "a red fox · dall-e-2 · 256×256"
    assert second.startswith("#1 · ")
    assert second.endswith(" s · demo, costs nothing")


def test_several_pictures_are_one_sheet(shell: Shell) -> None:
    """Four pictures make one output, four fact lines and one caption."""
    sheet, caption = shell.shown(f"%nowimage {SMALL} -n 4 fox")
    assert len(sheet["data"]["text/plain"].split("\n")) == len(sheet["metadata"]["now"]["sha256"]) == 4
    assert caption["data"]["text/plain"].split("\n")[0] == "fox · dall-e-2 · 4 × 256×256"


def test_what_the_model_is_not_known_to_take_is_said_below(shell: Shell) -> None:
    """Notes of the order stand in the caption, behind the passing line."""
    generation = shell.run("%nowimage -m dall-e-3 -n 2 fox")
    caption = shell.outputs()[-1]["data"]["text/plain"].split("\n")
    assert caption[0].startswith("fox · 2 × dall-e-3 · 2 × 1024×1024")
    assert caption[1].startswith(f"{generation.ref} · ")


def test_text_shows_the_fact_and_the_caption(shell: Shell) -> None:
    """`--show text` is the same without the picture, however long it took."""
    slow = "%config Now.progress_after = 0.0"
    for before in ("pass", slow):
        shell.run(before)
        fact, caption = shell.shown(f"%nowimage {SMALL} --show text fox")
        assert set(fact["data"]) == {"text/plain"}
        assert fact["data"]["text/plain"].startswith("Picture(256x256 png, sha256=")
        assert caption["data"]["text/plain"].startswith("fox · dall-e-2 · 256×256\n")


def test_a_line_of_progress_becomes_the_picture(shell: Shell) -> None:
    """What stood there while it was being made is replaced; nothing is left of it."""
    shell.run("%config Now.progress_after = 0.0")
    start = len(shell.published)
    picture, caption = shell.shown(f'%nowimage {SMALL} -p demo={{"latency":0.3}} fox')
    assert shell.published[start]["data"]["text/plain"].startswith(("…", "#1")), "there was a line"
    assert any(mime.startswith("image/") for mime in picture["data"])
    assert "#1" in caption["data"]["text/plain"]
