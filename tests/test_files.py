"""Durable writing and distrustful reading."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from now_jupyter._json import digest
from now_jupyter._messages._errors import StoreCorrupt, StoreError, StoreFull, StoreUnavailable
from now_jupyter._store._files import (
    claim_exclusively,
    copy_new,
    digest_of_file,
    move_durably,
    move_exclusively,
    private_folder,
    read_file,
    try_read_file,
    with_store_errors,
    write_all,
    write_durably,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    """A write leaves exactly the bytes, private, and no temporary file."""
    write_durably(tmp_path / "a", b"old")
    write_durably(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    """Folders are 0700 and files 0600, whatever the umask."""
    before = os.umask(umask)
    try:
        private_folder(tmp_path / "f")
        write_durably(tmp_path / "f" / "a", b"x")
        claim_exclusively(tmp_path / "f" / "b", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "f").iterdir()} == {0o600}


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """Writing over a link leaves what it points to alone."""
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "a").symlink_to(tmp_path / "victim")
    write_durably(tmp_path / "a", b"new")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "a").is_symlink()


def test_a_full_disk_leaves_the_old_content(tmp_path: Path) -> None:
    """Where the space runs out, the error says so, the old content stays, and the temporary file goes."""
    write_durably(tmp_path / "a", b"old")
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from now_jupyter._store._files import write_durably\n"
        "from now_jupyter._messages._errors import StoreFull\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_durably(Path(sys.argv[1]), bytes(5000))\n"
        "except StoreFull as error: assert error.__context__ is None and error.__cause__ is None\n"
        "else: sys.exit(3)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a"], check=True)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_the_full_device_is_full(tmp_path: Path) -> None:
    """ENOSPC is a StoreFull."""
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(StoreFull):  # noqa: PTH123 - unbuffered
        with_store_errors(lambda _path: write_all(full.fileno(), b"x"))(tmp_path)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreUnavailable),
        (errno.EACCES, StoreUnavailable),
        (errno.EPERM, StoreUnavailable),
        (errno.EIO, StoreError),
    ],
)
def test_each_trouble_has_its_error(tmp_path: Path, code: int, kind: type[StoreError]) -> None:
    """The system's errors become ours, and nothing of theirs hangs on."""

    def fail(_path: Path) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(StoreError) as caught:
        with_store_errors(fail)(tmp_path)
    assert type(caught.value) is kind
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_place_that_cannot_be_written_is_unavailable() -> None:
    """Where no file can be made, the error is StoreUnavailable."""
    with pytest.raises(StoreUnavailable):
        write_durably(Path("/proc/now-jupyter-test"), b"x")


def test_only_one_claim_succeeds(tmp_path: Path) -> None:
    """The first claim holds; the second is told so and changes nothing."""
    assert claim_exclusively(tmp_path / "1", b"mine")
    assert not claim_exclusively(tmp_path / "1", b"theirs")
    assert (tmp_path / "1").read_bytes() == b"mine"
    assert names(tmp_path) == ["1"]


def test_a_claim_works_without_hard_links(tmp_path: Path) -> None:
    """A file system without hard links (FAT) still lets only one claim succeed."""

    def no_links(_source: Path, _target: Path) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    assert claim_exclusively(tmp_path / "1", b"mine", link=no_links)
    assert not claim_exclusively(tmp_path / "1", b"theirs", link=no_links)
    assert (tmp_path / "1").read_bytes() == b"mine"
    assert names(tmp_path) == ["1"]


def test_a_lost_reply_of_a_network_file_system_is_a_success(tmp_path: Path) -> None:
    """NFS may say "exists" of a link that our own lost call has made."""

    def lost_reply(source: Path, target: Path) -> None:
        os.link(source, target)
        raise FileExistsError

    assert claim_exclusively(tmp_path / "1", b"mine", link=lost_reply)


def test_a_file_is_moved_to_a_free_name_only(tmp_path: Path) -> None:
    """The first move holds; the second is told so and loses nothing, with and without hard links."""

    def no_links(_source: Path, _target: Path) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    for link in (os.link, no_links):
        for name in ("first", "second"):
            (tmp_path / name).write_bytes(name.encode())
        assert move_exclusively(tmp_path / "first", tmp_path / "1", link=link)
        assert not move_exclusively(tmp_path / "second", tmp_path / "1", link=link)
        assert (tmp_path / "1").read_bytes() == b"first"
        assert names(tmp_path) == ["1", "second"]
        (tmp_path / "1").unlink()


def test_a_copy_is_private_whole_and_follows_no_links(tmp_path: Path) -> None:
    """From any place in the file on; what is no regular file is refused."""
    (tmp_path / "a").write_bytes(b"head" + bytes(3 << 20))
    copy_new(tmp_path / "b", tmp_path / "a", offset=4)
    assert (tmp_path / "b").read_bytes() == bytes(3 << 20)
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(StoreCorrupt):
        copy_new(tmp_path / "c", tmp_path / "link")
    assert names(tmp_path) == ["a", "b", "link"]


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """A link in the place of a folder is not followed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StoreUnavailable):
        private_folder(tmp_path / "link")


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Somebody else's folder is not used."""
    foreign = Path("/usr")
    if os.geteuid() == 0:
        foreign = tmp_path / "foreign"
        foreign.mkdir()
        os.chown(foreign, 65534, 65534)
    with pytest.raises(StoreUnavailable, match="another user"):
        private_folder(foreign)


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """What its owner, or an archive, let others do is nothing of ours to change."""
    (tmp_path / "f").mkdir()
    (tmp_path / "f").chmod(0o777)
    private_folder(tmp_path / "f")
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o777


def test_reading_follows_no_links_and_blocks_on_nothing(tmp_path: Path) -> None:
    """Links, pipes, sockets, devices and folders in the place of a file are refused at once."""
    (tmp_path / "victim").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        for odd in ("link", "pipe", "folder", "s"):
            with pytest.raises(StoreCorrupt):
                read_file(tmp_path / odd, limit=100)
            with pytest.raises(StoreCorrupt):
                digest_of_file(tmp_path / odd)
    with pytest.raises(StoreCorrupt):
        read_file(Path("/dev/zero"), limit=100)


def test_reading_has_a_limit(tmp_path: Path) -> None:
    """A file of the limit's length is read, a longer one refused."""
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", limit=5) == b"12345"
    with pytest.raises(StoreCorrupt):
        read_file(tmp_path / "a", limit=4)


def test_what_is_missing_is_none_or_corrupt(tmp_path: Path) -> None:
    """A missing file is None where that is asked for, else a StoreCorrupt."""
    assert try_read_file(tmp_path / "no", limit=1) is None
    with pytest.raises(StoreCorrupt):
        read_file(tmp_path / "no", limit=1)


def test_a_moved_file_is_what_it_was(tmp_path: Path) -> None:
    """A move keeps bytes and mode."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "a").chmod(0o644)
    move_durably(tmp_path / "a", tmp_path / "b")
    assert digest_of_file(tmp_path / "b") == digest(b"x")
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o644
    assert names(tmp_path) == ["b"]
