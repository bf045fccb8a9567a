"""What a cell shows of an answer, picture or not; whatever came, showing it never fails the cell."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import ipywidgets as widgets
import pytest
from PIL import Image

from now_jupyter import _bundles, _display
from now_jupyter._bundles import bundle_of
from now_jupyter._display import CellOutput, _outputs
from now_jupyter._display._display import caption_of, show_one
from now_jupyter._display._ticking import line_of
from now_jupyter._display._waiting import WaitingLine
from now_jupyter._json import digest
from now_jupyter._orders import Job
from now_jupyter._runner import ProgressReport
from now_jupyter._settings import Settings
from now_jupyter._store import Record, RecordedOutput, generation_of
from now_jupyter._values import Attempt, Audio, Generation, Output, Picture, Request, Status

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def _png(side: int) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (side, side), "navy").save(target, "PNG")
    return target.getvalue()


def _saved(kind: type[Output], path: Path, data: bytes, mime: str, **more: Any) -> Any:
    path.write_bytes(data)
    return kind(ref=more.pop("ref", "#12"), sha256=digest(data), path=path, mime=mime, **more)


def _picture(folder: Path, name: str, side: int = 8, **more: Any) -> Picture:
    data = _png(side)
    picture: Picture = _saved(Picture, folder / name, data, "image/png", width=side, height=side, **more)
    return picture


def _generation(*outputs: Output, **more: Any) -> Generation:
    return Generation(
        **{
            "id": "a" * 32,
            "ref": "#12",
            "prompt": "a song of foxes",
            "model": "song-maker",
            "status": Status.DONE,
            "billed": "no",
            "created": 0.0,
            "outputs": outputs,
            **more,
        }
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work beside the history."""
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "untitled.now" / "pictures"
    made.mkdir(parents=True)
    return made


def test_what_cannot_be_seen_is_said_with_kind_name_and_place(folder: Path) -> None:
    """A sound and a drawing of vectors: their facts as text, their files in the caption."""
    song = _saved(Audio, folder / "12-song.mp3", b"ID3", "audio/mpeg", ref="#12.1")
    drawing = _saved(Picture, folder / "12.2-song.svg", SVG, "image/svg+xml", ref="#12.2")
    data, metadata = bundle_of(_generation(song, drawing))
    assert data == {"text/plain": f"{song!r}\n{drawing!r}"}
    assert metadata["now"]["sha256"] == [song.sha256, drawing.sha256]
    assert caption_of(_generation(song, drawing)).split("\n") == [
        "a song of foxes · song-maker",
        f"audio · {Path('untitled.now', 'pictures', '12-song.mp3')}",
        f"picture · {Path('untitled.now', 'pictures', '12.2-song.svg')}",
        "#12",
    ]


def test_words_are_shown_as_words() -> None:
    """All lines, and nothing that a terminal would obey."""
    data, _ = bundle_of(_generation(text="la\x1b[31m la\n<b>la</b>"))
    assert data == {"text/plain": "la la\n<b>la</b>"}


def test_a_picture_that_is_gone_fails_no_cell(folder: Path) -> None:
    """The others are shown; where none is left, the text is."""
    gone, here = _picture(folder, "gone.png", ref="#12.1"), _picture(folder, "here.png", 16, ref="#12.2")
    gone.path.unlink()
    data, metadata = bundle_of(_generation(gone, here))
    assert metadata["image/png"]["width"] == 16
    assert data["text/plain"] == f"{gone!r}\n{here!r}"
    assert bundle_of(_generation(gone))[0] == {"text/plain": repr(gone)}


def test_a_service_s_own_sheet_stands_for_its_pictures(folder: Path) -> None:
    """The sheet is shown, not one of ours; the picture beside a single one is not in its place."""
    parts = [_picture(folder, f"{number}.png", ref=f"#12.{number}") for number in (1, 2)]
    whole = _picture(folder, "sheet.png", 32, ref="#12.3", is_side=True)
    assert bundle_of(_generation(*parts, whole))[1]["image/png"]["width"] == 32
    assert bundle_of(_generation(parts[0], whole))[1]["image/png"]["width"] == 8
    assert caption_of(_generation(*parts, whole)).startswith("a song of foxes · song-maker · 2 × 8×8\n")


@pytest.mark.parametrize(
    ("refs", "expected"),
    [(("#12.2", "#12.3"), ["2", "3"]), (("#4", "#5"), ["4", "5"]), (("#4.1", "#5.1", "#5.2"), ["4.1", "5.1", "5.2"])],
)
def test_a_sheet_is_numbered_as_its_pictures_are(
    refs: tuple[str, ...], expected: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first was put away, or it was sent as several requests: the sheet says how each is referred to."""
    labelled: list[str] = []

    def sheet(_pictures: object, *, labels: list[str], **_: object) -> tuple[bytes, str, int, int]:
        labelled.extend(labels)
        return b"", "image/png", 1, 1

    monkeypatch.setattr(_bundles, "sheet", sheet)
    bundle_of(_generation(*(_picture(folder, f"{ref}.png", ref=ref) for ref in refs)))
    assert labelled == expected


def test_the_service_is_named_where_another_way_was_taken(folder: Path) -> None:
    """An order that its first service could not make says which one made it, whenever it is shown."""
    tried = tuple(Attempt(at=float(at), service=name) for at, name in enumerate(("images", "ideogram")))
    output = RecordedOutput(key="1", number=1, sha256="b" * 64, file="x.png", mime="image/png", width=8, height=8)
    record = Record(id="a" * 32, request=Request(prompt="a song of foxes"), number=12, created=0.0)
    record = replace(
        record, status=Status.DONE, model="song-maker", service="ideogram", outputs=(output,), attempts=tried
    )
    named, other = (caption_of(generation_of(one, folder)) for one in (record, replace(record, attempts=tried[1:])))
    assert named.startswith("a song of foxes · song-maker · ideogram · 8×8\n")
    assert other.startswith("a song of foxes · song-maker · 8×8\n")


def test_the_service_is_named_where_the_user_named_it(folder: Path) -> None:
    """Else the caption is of what everybody knows."""
    made = _generation(_picture(folder, "x.png"), service="ideogram", request=Request(service="ideogram"))
    assert caption_of(made).startswith("a song of foxes · song-maker · ideogram · 8×8\n")


def test_one_output_alone_says_where_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `g.outputs[0]` shows in a cell."""
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(_display._display.CellOutput, "put", lambda _, data, __: shown.append(data))
    song = _saved(Audio, folder / "12-song.mp3", b"ID3", "audio/mpeg")
    show_one(song, Settings())
    show_one(_picture(folder, "x.png"), Settings())
    assert shown[0] == {"text/plain": f"{song!r}\naudio · {Path('untitled.now', 'pictures', '12-song.mp3')}"}
    assert set(shown[1]) == {"text/plain", "image/png"}


def test_an_unfinished_picture_that_is_none_disturbs_nobody() -> None:
    """Progress is for the eye only: a broken preview is left out, and the line goes on."""
    progress = SimpleNamespace(fraction=0.5, preview=b"no picture", words="")
    job = SimpleNamespace(refs="#12", elapsed=3.0, usually=None, is_sent=True, progress=progress, hint="")
    line = WaitingLine(cast("Job", job), "en")
    try:
        line.update()
        assert line._line.value == "#12 · 3 s"
        assert line._bar.value == 0.5
    finally:
        line.close()


def test_a_late_picture_stays_in_an_output_widget_that_the_page_tells_of_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """While cells run, the kernel hears nothing from the page; what it says then does not undo the picture.

    What the user puts there stays beside it, and what the user clears stays away.
    """
    widget, shown = widgets.Output(), []
    monkeypatch.setattr(_outputs, "_capturing_widget", lambda: widget)
    monkeypatch.setattr(_outputs, "_display", lambda data, **how: shown.append((data, how["metadata"])))
    places = [CellOutput(), CellOutput()]
    for place in places:
        place.put({"text/plain": "on its way"})
    told = [{"output_type": "display_data", "data": data, "metadata": about} for data, about in shown]
    for number, place in enumerate(places):
        place.put({"image/png": f"{number}"})
    assert [one["data"] for one in widget.outputs] == [{"image/png": "0"}, {"image/png": "1"}]
    mine = {"output_type": "stream", "name": "stdout", "text": "mine"}
    widget.outputs = (mine, *told)
    assert [one.get("data") for one in widget.outputs] == [None, {"image/png": "0"}, {"image/png": "1"}]
    places[0].put({"image/png": "2"})
    assert [one.get("data") for one in widget.outputs] == [None, {"image/png": "2"}, {"image/png": "1"}]
    widget.outputs = ()
    assert widget.outputs == ()
    widget.close()


def test_captions_speak_the_language_of_who_reads(folder: Path) -> None:
    """States, prices and where it comes from; words of progress stand behind the time, cut and plain."""
    made = _generation(_picture(folder, "x.png"), demo=True, elapsed=1.25, status=Status.DONE)
    assert caption_of(made, language="zh").endswith("\n#12 · 1.2 秒 · 演示，不花钱")
    served = caption_of(replace(made, origin="history", taken_from="mine.now#1"), language="zh")
    assert served.endswith("\n来自历史 #12 · 来自 mine.now#1 · 没有花费")
    failed = replace(made, outputs=(), status=Status.FAILED)
    assert caption_of(failed, language="zh").startswith("a song of foxes · song-maker · 失败\n")
    said = ProgressReport(fraction=0.5, words="in the queue, place 3 " * 9)
    job = SimpleNamespace(refs="#12", elapsed=3.0, usually=8.0, progress=said)
    line = line_of(cast("Job", job), "zh")
    assert line.startswith("#12 · 3 秒 · 通常 8 秒 · in the queue, place 3 in the")
    assert line.endswith("… · █████░░░░░")
