"""`%now doctor` and the place for what the history could not take."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo_calls import png
from now_jupyter._json import digest
from now_jupyter._messages._errors import StoreUnavailable
from now_jupyter._session._doctor import examined
from now_jupyter._store import Store
from now_jupyter._store._record import Kept
from now_jupyter._store._rescue import RescueFolder
from now_jupyter._values import Status
from records_made import record_of
from relays import new_session, relay_on_loopback

PNG = png()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A history with one picture."""
    store = Store(tmp_path / "n.now")
    record = store.claim(record_of("a fox", status=Status.PENDING))
    store.keep_picture(PNG, mime="image/png")
    kept = Kept(index=0, sha256=digest(PNG), mime="image/png")
    store.write(replace(record, status=Status.DONE, billed="yes", kept=(kept,)))
    return store


def spill_in(folder: Path) -> RescueFolder:
    return RescueFolder(lambda: folder / "spill")


def text_of(store: Store, spill: RescueFolder | None = None, **given: Any) -> str:
    spill = spill or spill_in(store.folder.parent)
    return examined(store, spill, names_are_faked=None, **given).text()


def test_a_healthy_history_is_told_so(store: Store) -> None:
    """Every line says fine, in both languages."""
    report = examined(store, spill_in(store.folder.parent), names_are_faked=False)
    assert report.is_healthy
    assert all(line.startswith("✓ ") for line in report.text().splitlines())
    chinese = examined(store, spill_in(store.folder.parent), names_are_faked=False, language="zh")
    assert len(chinese.findings) == len(report.findings) == 7
    assert chinese.text() != report.text()


def test_looking_where_no_history_is_leaves_no_trace(tmp_path: Path) -> None:
    """It says where the first picture will go."""
    assert "no history yet" in text_of(Store(tmp_path / "n.now"))
    assert list(tmp_path.iterdir()) == []


def test_a_changed_picture_goes_to_quarantine_and_is_named(store: Store) -> None:
    """The bytes are kept, the record says which picture is missing; a second look finds no more to repair."""
    path = next(store.pictures.glob("*/*.png"))
    path.write_bytes(b"other bytes")
    first, second = text_of(store), text_of(store)
    assert "+ a picture of #1 had other bytes" in first
    assert "! pictures of #1 are not in the folder any more" in first
    assert "+ a picture" not in second
    assert any(one.read_bytes() == b"other bytes" for one in (store.folder / "quarantine").iterdir())


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


def test_unreadable_records_are_left_as_they_are(store: Store) -> None:
    """They are named; nobody touches them."""
    (store.folder / "jobs" / "9.json").write_bytes(b"{")
    assert "! 1 records cannot be read and are left as they are: 9.json" in text_of(store)
    assert (store.folder / "jobs" / "9.json").read_bytes() == b"{"


def test_what_killed_kernels_left_behind_goes_to_quarantine_when_it_is_old(store: Store) -> None:
    """A young temporary file may be a living kernel's; an old one may hold a paid picture and is kept aside."""
    old, young = (store.folder / "answers" / f".download.{name}.tmp" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(PNG)
    os.utime(old, (1, 1))
    assert "+ 1 unfinished files of killed kernels went to quarantine" in text_of(store)
    assert not old.exists()
    assert young.exists()
    assert any(one.read_bytes() == PNG for one in (store.folder / "quarantine").glob("*.tmp"))


def test_a_spoilt_index_is_made_anew(store: Store) -> None:
    """Searching works after it."""
    (store.folder / "index.sqlite").write_bytes(b"x" * 5000)
    assert "✓ the search index was made anew" in text_of(store)
    assert store.find("fox") == [1]


def test_a_folder_that_cannot_be_used_is_told(store: Store, tmp_path: Path) -> None:
    """A link in its place is an attention, not an exception."""
    store.folder.rename(tmp_path / "away")
    store.folder.symlink_to(tmp_path / "away")
    assert "! " in text_of(Store(store.folder))


def test_the_doctor_in_a_session_sends_nothing(tmp_path: Path) -> None:
    """The verb and the command; neither asks the relay anything."""
    with relay_on_loopback() as served, new_session(tmp_path, served.url) as session:
        session.generate("a fox")
        asked = len(served.relay.requests)
        assert session.doctor().is_healthy
        assert len(served.relay.requests) == asked


def test_a_resolver_with_made_up_addresses_is_told(store: Store) -> None:
    """Both answers have their sentence."""
    spill = spill_in(store.folder.parent)
    assert "198.18.0.0/15" in examined(store, spill, names_are_faked=True).text()
    assert "real addresses" in examined(store, spill, names_are_faked=False).text()


# The spill


def test_a_spilled_picture_comes_back_byte_for_byte(tmp_path: Path) -> None:
    """It lies in a private folder under its record's id, is found again by another process, and can be let go."""
    identity = secrets.token_hex(16)
    place = spill_in(tmp_path).keep(identity, 3, PNG, mime="image/png")
    assert place is not None
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    other = spill_in(tmp_path)
    assert other.of(identity) == {3: PNG}
    assert other.identities() == {identity}
    other.forget(identity, 3)
    assert other.of(identity) == {}
    assert not place.exists()


def test_without_a_folder_memory_keeps_it(tmp_path: Path) -> None:
    """Where no file can be made, the picture stays in this process."""
    (tmp_path / "file").write_bytes(b"")
    spill = RescueFolder(lambda: tmp_path / "file" / "spill")
    identity = secrets.token_hex(16)
    assert spill.keep(identity, 0, PNG, mime="image/png") is None
    assert spill.of(identity) == {0: PNG}
    assert spill.identities() == {identity}
    spill.forget(identity, 0)
    assert spill.of(identity) == {}


def test_a_spill_folder_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    """Nothing is written or read where the link leads."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spill").symlink_to(tmp_path / "elsewhere")
    spill = spill_in(tmp_path)
    assert spill.keep(secrets.token_hex(16), 0, PNG, mime="image/png") is None
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_pictures_that_wait_outside_are_told(store: Store, tmp_path: Path) -> None:
    """Those of this history with the cure, those of others by their number."""
    spill = spill_in(tmp_path)
    spill.keep(store.read(1).id, 0, PNG, mime="image/png")
    spill.keep(secrets.token_hex(16), 0, PNG, mime="image/png")
    text = text_of(store, spill)
    assert "! pictures of #1 wait outside of the history" in text
    assert "✓ 1 orders of other notebooks" in text


def test_the_folder_gone_is_an_error_of_ours(store: Store, tmp_path: Path) -> None:
    """What `doctor` writes needs the folder; between two looks it may go."""
    store.folder.rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable):
        store.quarantine(PNG, reason="x")
    assert "no history yet" in text_of(store)
