"""`%now doctor` and the place for what the history could not take."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo_calls import png
from now_jupyter._messages import BadResponseError, MaybeBilledError, failure_of
from now_jupyter._messages._errors import StoreUnavailable
from now_jupyter._session._doctor import examine
from now_jupyter._store import RecordedOutput, RescueFolder, Store, _store
from now_jupyter._store._weight import settle
from now_jupyter._values import Status
from records_made import keep, record_of
from relays import new_session, relay_on_loopback

PNG = png()
FIRST = RecordedOutput(key="0", number=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A history with one picture."""
    store = Store(tmp_path / "n.now")
    record = store.claim(record_of("a fox", status=Status.PENDING, billed="yes"))
    store.write(replace(keep(store, record, PNG), status=Status.DONE))
    return store


def spill_in(folder: Path) -> RescueFolder:
    return RescueFolder(lambda: folder / "spill")


def text_of(store: Store, spill: RescueFolder | None = None, **given: Any) -> str:
    spill = spill or spill_in(store.folder.parent)
    return examine(store, spill, names_are_faked=None, **given).text()


def test_a_healthy_history_is_told_so(store: Store) -> None:
    """Every line says fine, in both languages."""
    report = examine(store, spill_in(store.folder.parent), names_are_faked=False)
    assert report.is_healthy
    assert all(line.startswith("✓ ") for line in report.text().splitlines())
    chinese = examine(store, spill_in(store.folder.parent), names_are_faked=False, language="zh")
    assert len(chinese.findings) == len(report.findings) == 6
    assert chinese.text() != report.text()


def test_looking_where_no_history_is_leaves_no_trace(tmp_path: Path) -> None:
    """It says where the first picture will go."""
    assert "no history yet" in text_of(Store(tmp_path / "n.now"))
    assert list(tmp_path.iterdir()) == []


def test_a_changed_picture_goes_to_quarantine_and_is_named(store: Store) -> None:
    """The bytes are kept, the record says which picture is missing; a second look finds no more to repair."""
    path = store.pictures / "1-fox.png"
    path.write_bytes(b"other bytes")
    first, second = text_of(store), text_of(store)
    assert "+ 1-fox.png of #1 had other bytes" in first
    assert "! pictures of #1 are not in the folder any more" in first
    assert not any(line.startswith("+") for line in second.splitlines())
    assert "! pictures of #1" in second
    assert any(one.read_bytes() == b"other bytes" for one in (store.folder / "quarantine").iterdir())


def test_a_picture_stays_where_it_is_whatever_another_record_says_of_it(store: Store) -> None:
    """A record that came along names it with another digest; its own record says what it is."""
    claim = RecordedOutput(key="0", number=1, file="1-fox.png", sha256="0" * 64, mime="image/png")
    store.claim(record_of("a hare", status=Status.DONE, outputs=(claim,)))
    assert "! pictures of #2 are not in the folder any more" in text_of(store)
    assert (store.pictures / "1-fox.png").read_bytes() == PNG


def test_files_that_no_record_names_are_told_and_left(store: Store) -> None:
    """Those of records in the trash have a record; one of an order under way will have one in a moment."""
    busy = store.claim(record_of("busy", status=Status.RUNNING, billed="maybe"))
    trashed = keep(store, store.claim(record_of("trashed", status=Status.DONE)), PNG + b"3")
    store.trash(trashed.number)
    for name in ("holiday.png", f"{busy.number}-busy.png", "10-left.png"):
        (store.pictures / name).write_bytes(name.encode())
    with store.hold(busy.number) or pytest.fail("held"):
        text = text_of(store)
    assert f"! 2 files in {store.pictures} belong to no record: 10-left.png, holiday.png" in text
    assert f"{busy.number}-busy.png" in text_of(store)
    assert (store.pictures / "holiday.png").exists()


def test_open_orders_are_counted_with_their_cure(store: Store) -> None:
    """Pending and unknown ones are told apart; settled and busy ones are not named."""
    left = store.claim(record_of("pending", status=Status.RUNNING, billed="maybe", state={"task": "1"}))
    lost = store.claim(record_of("unknown", status=Status.RUNNING, billed="maybe"))
    store.claim(record_of("settled", status=Status.UNKNOWN, billed="maybe", settled=True))
    busy = store.claim(record_of("busy", status=Status.RUNNING, billed="maybe"))
    with store.hold(busy.number) or pytest.fail("held"):
        text = text_of(store)
    assert f"! {left.ref} did not arrive in full: %now resume collects them, free" in text
    assert f"! {lost.ref} may have been billed and nothing came" in text


def test_nothing_is_promised_that_resume_cannot_do(store: Store) -> None:
    """An order whose answer was read to its end is only told; one that was cut off by a kernel's end is collected."""
    said = failure_of(BadResponseError("the relay's answer holds no picture"))
    refused = failure_of(
        MaybeBilledError("the relay had trouble after taking the order: {words}", status=502, words="x")
    )
    closed = failure_of(MaybeBilledError("the session was closed while {ref} was under way"))
    open_ones = {"billed": "maybe", "status": Status.UNKNOWN}
    read, gone = (store.claim(record_of("x", **open_ones, error=one)) for one in (said, refused))
    unread = store.claim(record_of("x", **open_ones, error=closed))
    for record in (read, gone, unread):
        answer = store.open_answer(record.number)
        answer.begin({})
        answer.write(b"{")
        answer.finish()
    short = keep(
        store, store.claim(record_of("x", status=Status.PARTIAL, billed="yes", expected=2, error=said)), PNG + b"8"
    )
    text = text_of(store)
    assert f"! {unread.ref} did not arrive in full: %now resume collects them, free" in text
    assert f"! {read.ref}, {gone.ref} may have been billed and nothing came: ask the relay" in text
    assert f"✓ {short.ref} brought less than was ordered" in text


def test_unreadable_records_are_left_as_they_are(store: Store) -> None:
    """They are named; nobody touches them."""
    (store.folder / "jobs" / "9.json").write_bytes(b"{")
    assert "! 1 records cannot be read and are left as they are: 9.json" in text_of(store)
    assert (store.folder / "jobs" / "9.json").read_bytes() == b"{"


def test_orders_for_which_there_is_no_room_are_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many, and up to which; their pictures are no strangers."""
    for _ in range(3):
        store.write(replace(keep(store, store.claim(record_of("a fox")), PNG), status=Status.DONE, billed="yes"))
    monkeypatch.setattr(_store, "ROOM", 2 * settle(store.read(4)) + 100)
    text = text_of(Store(store.folder))
    assert "all 2 records can be read" in text
    assert "! the 2 oldest orders, up to #2, are left out" in text
    assert "belong to no record" not in text


def test_what_killed_kernels_left_behind_goes_to_quarantine_when_it_is_old(store: Store) -> None:
    """A young temporary file may be a living kernel's; an old one may hold a paid picture and is kept aside."""
    old, young = (store.folder / "answers" / f".download.{name}.tmp" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(PNG)
    os.utime(old, (1, 1))
    assert "+ 1 unfinished files of killed kernels went to quarantine" in text_of(store)
    assert not old.exists()
    assert young.exists()
    assert any(one.read_bytes() == PNG for one in (store.folder / "quarantine").glob("*-bytes"))


def test_a_folder_that_cannot_be_used_is_told(store: Store, tmp_path: Path) -> None:
    """A link in its place is an attention, not an exception."""
    store.folder.rename(tmp_path / "away")
    store.folder.symlink_to(tmp_path / "away")
    assert "! " in text_of(Store(store.folder))


def test_the_doctor_in_a_session_buys_nothing(tmp_path: Path) -> None:
    """It asks the relay for its list, once, and nothing else."""
    with relay_on_loopback() as served, new_session(tmp_path, served.url) as session:
        session.generate("a fox")
        asked = len(served.relay.requests)
        assert session.doctor().is_healthy
        assert [one.path for one in served.relay.requests[asked:]] == ["/v1/models"]


def test_a_resolver_with_made_up_addresses_is_told(store: Store) -> None:
    """Both answers have their sentence."""
    spill = spill_in(store.folder.parent)
    assert "198.18.0.0/15" in examine(store, spill, names_are_faked=True).text()
    assert "real addresses" in examine(store, spill, names_are_faked=False).text()


# The spill


def test_a_spilled_picture_comes_back_byte_for_byte(tmp_path: Path) -> None:
    """It lies in a private folder under its record's id, is found again by another process, and can be let go."""
    identity = secrets.token_hex(16)
    waiting = RecordedOutput(key="任务/3 ../x", number=3, kind="audio", is_side=True)
    place = spill_in(tmp_path).keep(identity, waiting, PNG, suffix=".png")
    assert place is not None
    assert place.parent == tmp_path / "spill"
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    other = spill_in(tmp_path)
    assert other.of(identity) == [(waiting, PNG)]
    assert other.identities() == {identity}
    other.forget(identity, waiting.key)
    assert other.of(identity) == []
    assert not place.exists()


def test_without_a_folder_memory_keeps_it(tmp_path: Path) -> None:
    """Where no file can be made, the picture stays in this process."""
    (tmp_path / "file").write_bytes(b"")
    spill = RescueFolder(lambda: tmp_path / "file" / "spill")
    identity = secrets.token_hex(16)
    assert spill.keep(identity, FIRST, PNG, suffix=".png") is None
    assert spill.of(identity) == [(FIRST, PNG)]
    assert spill.identities() == {identity}
    spill.forget(identity, "0")
    assert spill.of(identity) == []


def test_keys_of_any_kind_are_told_apart(tmp_path: Path) -> None:
    """Also where a file system knows no case; one too long for a name stays in memory."""
    spill = spill_in(tmp_path)
    identity = secrets.token_hex(16)
    kept = [(RecordedOutput(key=key, number=at), key.encode()) for at, key in enumerate(("a", "A", "", ".", "x" * 300))]
    for output, data in kept:
        spill.keep(identity, output, data, suffix=".png")
    assert spill.of(identity) == kept
    names = [path.name for path in (tmp_path / "spill").iterdir()]
    assert len({name.lower() for name in names}) == len(names) == 4


def test_a_spill_folder_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    """Nothing is written or read where the link leads."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spill").symlink_to(tmp_path / "elsewhere")
    spill = spill_in(tmp_path)
    assert spill.keep(secrets.token_hex(16), FIRST, PNG, suffix=".png") is None
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_pictures_that_wait_outside_are_told(store: Store, tmp_path: Path) -> None:
    """Those of this history with the cure, those of others by their number."""
    spill = spill_in(tmp_path)
    spill.keep(store.read(1).id, FIRST, PNG, suffix=".png")
    spill.keep(secrets.token_hex(16), FIRST, PNG, suffix=".png")
    text = text_of(store, spill)
    assert "! pictures of #1 wait outside of the history" in text
    assert "✓ 1 orders of other notebooks" in text


def test_the_folder_gone_is_an_error_of_ours(store: Store, tmp_path: Path) -> None:
    """What `doctor` writes needs the folder; between two looks it may go."""
    store.folder.rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable):
        store.quarantine(PNG, reason="x")
    assert "no history yet" in text_of(store)
