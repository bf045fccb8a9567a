"""Outputs that are no picture to be seen: the gallery lists them with kind, file name and place."""

from __future__ import annotations

import uuid

import pytest

from now_jupyter._json import digest
from now_jupyter._panel._draft import Draft
from now_jupyter._panel._pictures import picture_of, pictures_of
from now_jupyter._panel._quote import controls_of
from now_jupyter._protocol import Fit, Offer, Option
from now_jupyter._session import Session
from now_jupyter._store import Record, RecordedOutput
from now_jupyter._values import Request, Status
from panels import Browser, Wire

SOUND = "1-a-song.mp3"


def came(number: int, **more: object) -> RecordedOutput:
    """An output of which a file is here."""
    data = f"{number}".encode()
    form: dict[str, object] = {"sha256": digest(data), "mime": "image/png", "file": f"1.{number}-x.png", **more}
    return RecordedOutput(key=str(number), number=number, **form)  # type: ignore[arg-type]  # any field of it


def record_of(*outputs: RecordedOutput) -> Record:
    request = Request(prompt="a song of foxes")
    return Record(
        id=uuid.uuid4().hex,
        number=1,
        request=request,
        created=1.0,
        status=Status.DONE,
        demo=True,
        model="a-model",
        outputs=outputs,
    )


@pytest.fixture
def song(session: Session) -> Record:
    """A generation of a sound, words and a drawing of vectors; its cover is in the trash."""
    record = record_of(
        came(1, kind="audio", file=SOUND, mime="audio/mpeg"),
        RecordedOutput(key="words", number=2, kind="words", words="la <b>la</b>\nla"),
        came(3, file="1.3-a-song.svg", mime="image/svg+xml"),
    )
    store = session.context.home().store
    store.preflight()
    (store.folder / "jobs").mkdir(exist_ok=True)
    store.write(record)
    return record


def test_a_row_lists_what_is_no_picture(wire: Wire, song: Record) -> None:
    """Kind and file name, or the words themselves; no picture is counted, and none is offered to be changed."""
    row = wire.ask("rows", numbers=[1]).content["rows"][0]
    assert row["count"] == 0
    assert row["others"] == [
        {"kind": "audio", "file": SOUND, "words": ""},
        {"kind": "words", "file": "", "words": "la <b>la</b> la"},
        {"kind": "picture", "file": "1.3-a-song.svg", "words": ""},
    ]


def test_the_full_view_says_where_files_lie(wire: Wire, song: Record, session: Session) -> None:
    """Each file with its whole path, words in their lines."""
    detail = wire.ask("detail", number=1).content
    folder = session.context.home().store.pictures
    assert detail["files"] == [["audio", str(folder / SOUND)], ["picture", str(folder / "1.3-a-song.svg")]]
    assert detail["text"] == "la <b>la</b>\nla"
    assert detail["pictures"] == []


def test_the_page_shows_kind_file_and_place(wire: Wire, song: Record, browser: Browser) -> None:
    """A tile bears kind and name; the full view has them large, and the path beside."""
    with browser.page(wire) as page:
        page.wait(f"() => document.querySelector('.nowp-tile-words')?.textContent.includes('audio · {SOUND}')")
        page.evaluate("() => document.querySelector('.nowp-open').click()")
        page.wait(f"() => document.querySelector('.nowp-side')?.textContent.includes('panel.now/pictures/{SOUND}')")
        assert f"audio · {SOUND}" in page.text(".nowp-left")
        assert "la <b>la</b>" in page.text(".nowp-side")
        assert page.errors == []


def test_a_place_is_the_picture_that_is_shown_there() -> None:
    """The first is what counts and is there; references keep the numbers of the outputs, whatever is lost."""
    lost = RecordedOutput(key="1", number=1)
    record = record_of(lost, came(2, is_trashed=True), came(4, is_side=True), came(3))
    assert [one.number for one in pictures_of(record)] == [3, 4]
    assert record.ref_of(picture_of(record, 0)) == "#1.3"
    assert picture_of(record, 4).is_side


def test_the_controls_come_from_the_offer() -> None:
    """A service of one's own: what it has is open, with its values; what it has not is off, and says why."""
    offer = Offer(
        model="song-maker",
        fit=Fit.RESERVED,
        makes="audio",
        options={
            "style": Option(values=("folk", "punk")),
            "seed": Option(only_with=("style", ("folk",))),
            "quality": Option(only_with=("tempo", ("fast",))),
        },
    )
    draft = Draft(options={"style": "punk"}, params=(("tempo", "fast"),))
    controls = controls_of(offer, draft, "en")
    assert controls["style"] == {"values": ["folk", "punk"], "why": ""}
    assert controls["seed"]["why"] == "for folk only"
    assert controls["quality"]["why"] == ""
    assert controls["size"] == {"values": [], "why": "not known for song-maker"}
    assert controls["n"]["why"] == ""
