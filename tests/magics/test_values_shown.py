"""What our values show of themselves, whoever asks, and what a `Job` is to the standard library."""

from __future__ import annotations

import base64
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._display._display import caption_of
from now_jupyter._values import Generation
from shells import SMALL, Shell

_PNG = b"\x89PNG"
_FAST = "model='dall-e-2', size='256x256'"


def _image_in(data: dict[str, Any]) -> bytes:
    return base64.b64decode(data["image/png"])


@pytest.mark.slow
@pytest.mark.parametrize("value", ["g", "g.pictures[0]", "nj.submit('fox', " + _FAST + ")"])
def test_a_value_gives_its_bundle_and_shows_nothing_by_that(shell: Shell, value: str) -> None:
    """Who asks IPython for the form of a value (`glue`, an Output widget) gets the picture, and the cell shows none."""
    shell.run(f"import now_jupyter as nj\ng = nj.generate('fox', {_FAST})\nfrom IPython.core.formatters import *")
    start = len(shell.published)
    data, metadata = shell.run(f"v = {value}\ngetattr(v, 'result', int)()\nformat_display_data(v)\n")
    assert _image_in(data).startswith(_PNG)
    assert metadata["now"]["demo"] is True
    assert not [one for one in shell.published[start:] if "image/png" in one["data"]], "shown, too"


def test_the_bundle_is_given_also_of_what_the_cell_shows(shell: Shell) -> None:
    """A magic's value can be put elsewhere in its own cell."""
    data, _ = shell.run(
        f"from IPython.core.formatters import format_display_data\ng = %nowimage {SMALL} fox\nformat_display_data(g)"
    )
    assert _image_in(data).startswith(_PNG)


def test_a_list_of_pictures_is_a_sheet_beside_its_words(shell: Shell) -> None:
    """Pictures and generations, also in a tuple; a list of anything else, and another's kind of list, are as before."""
    shell.run(f"a = %nowimage {SMALL} fox\nb = %nowimage {SMALL} -n 2 hare")
    for code in ("[a.pictures[0], b]", "(a, *b.pictures)"):
        (shown,) = shell.shown(f"display({code})")
        assert shown["data"]["text/plain"].startswith(code[0])
        assert shown["metadata"]["now"]["demo"]
        assert len(shown["metadata"]["now"]["sha256"]) == 3
        assert "image/jpeg" in shown["data"]
    shell.run(
        "class Mine(list):\n    def _repr_mimebundle_(self, include=None, exclude=None): return {'text/x': 'mine'}"
    )
    assert shell.shown("display(Mine([a]))")[0]["data"]["text/x"] == "mine"
    for code in ("[a, 1]", "[]", "()", "[1, 2]"):
        (shown,) = shell.shown(f"display({code})")
        assert set(shown["data"]) == {"text/plain"}
    shell.run("%unload_ext now_jupyter")
    assert set(shell.shown("display([a])")[0]["data"]) == {"text/plain"}


def test_an_update_by_a_handle_shows_the_picture_in_its_place(shell: Shell) -> None:
    """`h = display(…, display_id=True); h.update(picture)` replaces what was there."""
    shell.run(f"g = %nowimage {SMALL} fox")
    (shown,) = shell.shown("h = display('nothing yet', display_id=True)\nh.update(g.pictures[0])")
    assert _image_in(shown["data"]).startswith(_PNG)
    (shown,) = shell.shown("h = display(g, display_id=True)")
    assert _image_in(shown["data"]).startswith(_PNG)


@pytest.mark.parametrize("code", [f"%nowimage {SMALL} fox", f"import now_jupyter as nj\nnj.generate('fox', {_FAST})"])
def test_what_a_cell_captured_can_be_shown_later(shell: Shell, code: str) -> None:
    """`%%capture` keeps the picture once, and `show()` shows it."""
    assert shell.pictures(f"%%capture kept\n{code}") == 0
    assert shell.pictures("kept.show()") == 1


def test_no_progress_is_shown_where_outputs_are_captured(shell: Shell) -> None:
    """What is captured is never updated: the picture is an output of its own."""
    shell.run("%config Now.progress_after = 0.0")
    shell.run(f'%%capture kept\n%nowimage {SMALL} -p demo={{"latency":0.3}} fox')
    outputs = shell.run("kept.outputs")
    assert not [one for one in outputs if one.update]
    assert [one.data["text/plain"][:8] for one in outputs if one.data] == ["Picture(", "fox · da"]


def test_values_show_themselves_without_the_extension(tmp_path: Path) -> None:
    """`import now_jupyter` alone, in any program: a generation and its picture have bundles, also when one is gone."""
    script = f"""
import now_jupyter as nj
nj.use_demo(instant=True)
g = nj.generate("fox", {_FAST})
for value in (g, g.pictures[0]):
    data, metadata = value._repr_mimebundle_(include=None, exclude=None)
    assert data["image/png"].startswith("iVBOR") and metadata["now"]["demo"], metadata
    assert value._mime_() == ("image/png", "data:image/png;base64," + data["image/png"])  # as marimo asks, in lists too
g.pictures[0].path.unlink()
data, _ = g.pictures[0]._repr_mimebundle_()
assert data == {{"text/plain": repr(g.pictures[0])}}, data
assert g.pictures[0]._mime_() == ("text/plain", repr(g.pictures[0]))
assert nj.submit("fox")._mime_()[0] == "text/plain"
nj.wait()
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, stderr=subprocess.PIPE, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode()


def test_a_picture_whose_showing_fails_says_so_in_its_bundle(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle never raises, or one picture would take a whole table of them away."""
    generation = shell.run(f"%nowimage {SMALL} fox")
    monkeypatch.setattr("now_jupyter._bundles.preview", lambda *_, **__: 1 / 0)
    data, _ = generation.pictures[0]._repr_mimebundle_()
    assert data["text/plain"].startswith(f"{generation.pictures[0]!r}\nZeroDivisionError (")


def test_what_the_history_served_is_captioned_so(shell: Shell) -> None:
    """`nj.generate` as the value of a cell says whether it was bought, as the magic does."""
    code = f"import now_jupyter as nj\nnj.generate('fox', {_FAST}, reuse=True)"
    bought, served = (shell.shown(code)[-1]["data"]["text/plain"].split("\n")[1] for _ in range(2))
    assert bought.startswith("#1 · ")
    assert served == "from history #1 · nothing spent"  # and would be, run again


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("a red fox in fresh snow, " * 20, f"{SMALL} -n 4"),
        ("雪中的红狐狸，" * 20, SMALL),
    ],
)
def test_a_caption_is_two_lines_that_fit_into_a_terminal(shell: Shell, prompt: str, options: str) -> None:
    """Neither line is wider than 80 columns, of which a Chinese sign takes two."""
    caption = shell.shown(f"%%nowimage {options}\n{prompt}")[-1]["data"]["text/plain"].split("\n")
    assert len(caption) == 2
    assert all(sum(2 if ord(sign) > 0x2E80 else 1 for sign in line) <= 80 for line in caption), caption
    assert prompt[:3] in caption[0]
    long = replace(shell.session.history[-1], model="a-relay/with-a-very-long-name-of-a-model-" * 3)
    assert all(len(line) <= 80 for line in caption_of(long).split("\n"))


def test_a_job_is_a_future(shell: Shell) -> None:
    """It can be given to `concurrent.futures.wait` and `asyncio.wait`, and tells its end to callbacks."""
    shell.run("import asyncio, concurrent.futures, now_jupyter as nj\nseen = []")
    slow = _FAST + ", params={'demo': {'latency': 0.3}}"
    shell.run(f"jobs = [nj.submit(w, {slow}) for w in ('fox', 'dog')]\nfor j in jobs: j.add_done_callback(seen.append)")
    assert shell.run("concurrent.futures.wait(jobs).not_done") == set()
    assert shell.run("set(seen) == set(jobs)") or shell.run("await asyncio.sleep(0.1)\nset(seen) == set(jobs)")
    assert shell.run("[(j.done(), j.cancelled(), j.exception()) for j in jobs]") == [(True, False, None)] * 2
    shell.run(f"jobs = [nj.submit(w, {slow}) for w in ('cat', 'owl')]\ndone, rest = await asyncio.wait(jobs)")
    assert shell.run("done == set(jobs) and not rest")
    assert isinstance(shell.run("(await asyncio.gather(*jobs))[0]"), Generation)


def test_a_failed_job_gives_its_exception(shell: Shell) -> None:
    """`.exception()` waits for the end and returns why nothing came."""
    shell.run("import now_jupyter as nj")
    code = f"nj.submit('fox', {_FAST}, params={{'demo': {{'status': 500}}}}).exception()"
    assert isinstance(shell.run(code), Exception)


def test_a_forgotten_callback_is_not_called(shell: Shell) -> None:
    """What `remove_done_callback` took out stays silent, as `asyncio.wait` with a time limit needs it."""
    shell.run("import asyncio, now_jupyter as nj\nseen = []")
    slow = _FAST + ", params={'demo': {'latency': 0.3}}"
    shell.run(f"job = nj.submit('fox', {slow})\njob.add_done_callback(seen.append)")
    assert shell.run("job.remove_done_callback(seen.append)") == 1
    assert shell.run("_, rest = await asyncio.wait([job], timeout=0.01)\nrest == {job}")
    shell.run("job.result()\nawait asyncio.sleep(0)")
    assert shell.run("seen") == []
