"""Tests run in a clean room, and the guard keeps them on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from clean_room import ROOT, Homes, clean_environment
from network_guard import LOG, is_here

LEAVING = """
import contextlib, socket

def test_it():
    with contextlib.suppress(OSError), socket.socket() as s:
        s.connect(("192.0.2.1", 443))
"""


def test_nothing_personal_is_left_in_the_environment(tmp_path: Path) -> None:
    """Keys, addresses, proxies, languages and home folders are gone; the rest stays."""
    personal = {"NOW_API_KEY": "k", "OPENAI_API_KEY": "k", "https_proxy": "p", "LANG": "zh_CN.UTF-8", "HOME": "/me"}
    clean = clean_environment({**personal, "PATH": "/bin", "NOW_SCREENSHOTS": "shots"}, tmp_path)
    assert not set(personal) & set(clean) - {"HOME"}
    assert clean["HOME"] == str(tmp_path / "home")
    assert (clean["PATH"], clean["NOW_SCREENSHOTS"]) == ("/bin", "shots")


def test_no_key_reaches_a_test() -> None:
    """The run itself has been cleaned."""
    assert not [
        name for name in os.environ if name.upper().startswith(("NOW_API", "OPENAI_")) or "PROXY" in name.upper()
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", b"localhost", None, ""])
def test_loopback_is_here(host: str | bytes | None) -> None:
    """What stays on the machine is let through."""
    assert is_here(host)


@pytest.mark.parametrize("attempt", ["s.connect(('192.0.2.1', 443))", "socket.getaddrinfo('relay.nowhere.com', 443)"])
def test_leaving_is_refused_and_written_down(attempt: str, tmp_path: Path) -> None:
    """Also in a process that a test starts, also where the error is swallowed."""
    script = f"import socket; s = socket.socket()\ntry: {attempt}\nexcept OSError as e: print(type(e).__name__)"
    environment = {**os.environ, LOG: str(tmp_path / "log")}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() in ("ConnectionRefusedError", "gaierror")
    assert (tmp_path / "log").read_text().strip()


def test_invented_names_lead_nowhere_without_blame() -> None:
    """A test may ask for a name that cannot exist; it is not looked up."""
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("relay.invalid", 443)


@pytest.mark.slow
def test_what_is_refused_fails_the_test(tmp_path: Path) -> None:
    """The fixture fails a test that wanted to leave, although the code under test swallowed the error."""
    (tmp_path / "conftest.py").write_text(
        (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "test_leaving.py").write_text(LEAVING, encoding="utf-8")
    path = os.pathsep.join(str(ROOT / place) for place in ("tests", "tests/guard", "tools"))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, LOG: str(tmp_path / "log"), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "socket.connect 192.0.2.1 443" in ran.stdout
    assert "1 passed, 1 error" in ran.stdout


def test_a_home_in_which_something_lies_serves_no_other_test(tmp_path: Path) -> None:
    """Nor one from which something was taken; an untouched one goes on, since making one is slow."""
    homes = Homes(tmp_path)
    first = homes.open()
    assert homes.open() == first
    Path(first["HOME"], "note.txt").touch()
    second = homes.open()
    assert set(second.values()).isdisjoint(first.values())
    Path(second["XDG_CACHE_HOME"]).rmdir()
    assert set(homes.open().values()).isdisjoint(second.values())
