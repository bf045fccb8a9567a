"""Rows V3 to V5: keys, addresses and pictures that are none."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from campaign import Campaign
from faultserver import FaultServer
from limits import at_once
from now_jupyter._ipython._login import address_in, take_key
from now_jupyter._media import examine
from now_jupyter._messages._errors import BadImageError, ConfigError, InputError, NowImageError
from now_jupyter._session import Session
from now_jupyter._settings._key import Key
from now_jupyter._settings._logins import key_from_environment
from now_jupyter._transport import normal_base_url
from now_jupyter._values import Picture
from shells import Shell, shell_in
from stand import new_key, png


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython", progress_after=600.0) as shell:
        shell.run("%load_ext now_jupyter")
        yield shell


@pytest.mark.row("V3", injected="key missing, placeholder, odd characters")
def test_a_key_that_is_none_is_refused_and_not_echoed(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """A missing, placeholder or odd key is `ConfigError` before anything is sent, and its text is not repeated."""
    odd = [
        f"sk-{secrets.token_hex(8)}{bad}{secrets.token_hex(8)}"
        for bad in (" ", "\n", "\t", "é", "\0", "，", "\u200b", "\x7f")
    ]
    placeholders = [
        "sk-...",
        "sk-xxxxxxxx",
        "your-api-key",
        "{{API_KEY}}",
        "<key>",
        "sk-****",
        "Bearer ",
        "sk-your-key",
    ]
    for text in [*odd, *placeholders]:
        with pytest.raises(ConfigError) as caught:
            Key(text, source="environment NOW_API_KEY")
        assert len(caught.value.lines()) <= 6
        if text in odd:
            assert text[3:19] not in str(caught.value)
            assert text[3:19] not in repr(vars(caught.value))
    for text in ("sk-...", odd[1]):
        with pytest.raises(ConfigError):
            key_from_environment(
                {"NOW_API_KEY": text, "NOW_BASE_URL": "https://relay.invalid"}, "https://relay.invalid"
            )
    missing = {
        "an address without a key": {"NOW_BASE_URL": "https://relay.invalid"},
        "a key without an address": {"NOW_API_KEY": new_key()},
    }
    for name, environ in missing.items():
        session = Session(folder=tmp_path / "x.now", environ=environ, working=tmp_path)
        with pytest.raises(ConfigError, match="address"):
            session.generate("a fox")
        session.close()
        assert not (tmp_path / "x.now" / "jobs").exists(), name
    campaign.figure("bad keys tried", len(odd) + len(placeholders) + 4)
    campaign.outcome(outcome="ConfigError, value not echoed", billed="no", kept="nothing")


@pytest.mark.row("V3", injected="a key typed into the notebook: prompt, option, login, curl, Python")
def test_a_key_in_the_notebook_is_refused_with_advice(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """A key in a cell is refused wherever it stands, neither sent, kept nor echoed; the advice is to make a new one."""
    key, other = new_key(), secrets.token_hex(20)  # the other one is told by the name of its option only
    cells = [
        f"%%nowimage\na fox {key}",
        f"%nowimage a fox {key}",
        f"%%nowimage -m {key}\nfox",
        f"%%nowimage -p x={key}\nfox",
        f'%%nowimage -p x={{"deep":["{key}"]}}\nfox',
        f"%%nowimage -p Authorization=Bearer\nfox {key}",
        f"%%nowimage --alt {key}\nfox",
        f"%%nowimage --tag {key}\nfox",
        f"%%nowimage -p Authorization=Bearer-{other}\nfox",
        f"%%nowimage -p api_key={other}\nfox",
        f'%%nowimage -p x={{"headers":{{"api-key":"{other}"}}}}\nfox',
    ]
    with FaultServer() as server:
        monkeypatch.setenv("NOW_BASE_URL", server.url)
        for cell in cells:
            error = shell.fail(cell)
            assert isinstance(error, InputError), cell.replace(key, "KEY")
            assert not {key, other} & set(re.findall(r"[\w-]+", f"{error} {vars(error)}"))
            assert "new one" in error.next_step(), cell.replace(key, "KEY")
        with pytest.raises(InputError):
            shell.session.generate(f"a fox {key}")
        with pytest.raises(InputError):
            shell.session.generate("a fox", params={"x": [key]})
        assert server.connections == 0
    for pasted in (
        f"curl https://relay.invalid/v1/images/generations -H 'Authorization: Bearer {key}' -d '{{}}'",
        f"https://relay.invalid {key}",
        key,
        f"https://{key}@relay.invalid/v1",
    ):
        told = [pasted]
        assert take_key(told) is not None
        with suppress(NowImageError):
            told.append(address_in(told[0]))
        assert key not in "".join(told)
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    campaign.figure("bad keys tried", len(cells) + 6)
    campaign.outcome(outcome="InputError, advice to make a new key", billed="no", kept="nothing")


GOOD_ADDRESSES = {
    "https://api.example.com": "https://api.example.com",
    "https://api.example.com/": "https://api.example.com",
    "https://api.example.com/v1": "https://api.example.com",
    "https://api.example.com/v1/images/generations": "https://api.example.com",
    "api.example.com": "https://api.example.com",
    "HTTPS://API.Example.COM:443/v1/": "https://api.example.com",
    " “https://api.example.com/v1” ": "https://api.example.com",
    "https://api.example.com/proxy/v1": "https://api.example.com/proxy",
    "http://127.0.0.1:8000/v1": "http://127.0.0.1:8000",
    "http://localhost:3000": "http://localhost:3000",
    "http://192.168.1.5:3000/v1": "http://192.168.1.5:3000",
    "https://[2001:db8::1]:8443": "https://[2001:db8::1]:8443",
}
BAD_ADDRESSES = [
    "http://api.example.com",
    "ftp://api.example.com",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://user:hunter22@api.example.com",
    "https://api.example.com?key=1",
    "https://api.example.com#x",
    "https://",
    "https:///v1",
    "https://api example.com",
    "https://api.example.com\n/v1",
    "https://api.example.com:99999",
    "https://api.example.com:port",
    "https://api.example.com/../../x",
    "https://api.example.com\\@other.example.com",
    "{{BASE_URL}}/v1/images/generations",
    "<BASE_URL>",
    "https://{{BASE_URL}}",
    "https://exa mple",
    "https://-x.example.com",
    "http://1.2.3.4",
    "https://[::1",
    "\0",
    "x" * 5000,
    "http://0x7f.1",
    "https://api..example.com",
]


@pytest.mark.row("V4", injected="malformed, with userinfo or path, plain http to a public host")
def test_an_address_is_made_normal_or_refused(tmp_path: Path, campaign: Campaign) -> None:
    """What people paste as an address gets its one form; what is none, or would carry a key in the clear, is
    `ConfigError`, and userinfo is not repeated.
    """
    for text, normal in GOOD_ADDRESSES.items():
        assert normal_base_url(text) == normal
    for text in BAD_ADDRESSES:
        with pytest.raises(ConfigError) as caught:
            normal_base_url(text)
        assert "hunter22" not in str(caught.value)
        assert len(caught.value.lines()) <= 6
        session = Session(folder=tmp_path / "x.now", base_url=text, api_key=new_key(), environ={}, working=tmp_path)
        with pytest.raises(ConfigError):
            session.generate("a fox", model="x")
        session.close()
    assert not (tmp_path / "x.now" / "jobs").exists()
    campaign.figure("bad addresses tried", len(BAD_ADDRESSES))
    campaign.outcome(outcome="normalised, or ConfigError", billed="no", kept="nothing")


def picture_at(path: Path) -> Picture:
    return Picture(ref="#1", sha256="0" * 64, path=path, mime="image/png", width=1, height=1)


@pytest.mark.row("V5", injected="reference missing, folder, FIFO, device, link, huge, empty, no image")
def test_a_picture_that_is_none_never_blocks(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """A reference that is no plain picture file is refused at once, whatever it is; nothing waits for a pipe."""
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_bytes(b"<html onload=alert(1)>")
    (tmp_path / "cut.png").write_bytes(png(1)[:-20])
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    with (tmp_path / "huge.png").open("wb") as huge:
        huge.write(b"\x89PNG\r\n\x1a\n")
        huge.truncate((64 << 20) + 1)
    odd = ["missing.png", "fifo.png", "folder.png", "empty.png", "text.png", "cut.png", "huge.png"]
    told = {"fifo.png": "no plain file", "huge.png": "huge.png is larger than 64 MiB", "link.png": "no plain file"}
    for path in [*(tmp_path / name for name in [*odd, "link.png"]), Path("/dev/zero"), Path("/dev/tty")]:
        for act in (lambda path=path: examine(path), picture_at(path).bytes, picture_at(path).pil):
            with at_once(), pytest.raises(BadImageError) as caught:
                act()
            assert caught.value.__context__ is None
            assert told.get(path.name, "") in str(caught.value)  # refused for what it is, not after it was read
    for name in [
        *odd,
        "x" * 5000,
        "~nobody-of-that-name/x.png",
        "a\0b",
        "/dev/zero",
        "#999999",
        "-1",
        "no_such",
        "#1.9999",
    ]:
        with at_once():
            error = shell.fail(f"get_ipython().run_line_magic('now', {'recall ' + name!r})")
        assert isinstance(error, InputError), (name[:40], error)
        assert len(error.lines()) <= 6
    campaign.figure("bad references tried", 10 + 15)
    campaign.outcome(outcome="InputError / BadImageError, at once", billed="no", kept="nothing")


class Exchanged(type(Path())):  # type: ignore[misc]  # the system's kind of path
    """A path whose file is exchanged for a link right after somebody has looked whether it is one."""

    def is_symlink(self) -> bool:
        was_link = super().is_symlink()
        self.unlink()
        self.symlink_to("/etc/passwd")
        return was_link


@pytest.mark.row("V5", injected="a file that becomes a link after it was looked at; a system without O_NOFOLLOW")
def test_a_link_is_not_followed_however_it_comes_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """The system refuses to follow a link that came in between; where it cannot, a link is seen before it is opened."""
    place = Exchanged(tmp_path / "fox.png")
    place.write_bytes(png(1))
    with pytest.raises(BadImageError, match="no plain file"):
        examine(place)
    (tmp_path / "real.png").write_bytes(png(1))
    (tmp_path / "link.png").symlink_to("real.png")
    monkeypatch.delattr(os, "O_NOFOLLOW")
    with pytest.raises(BadImageError, match="no plain file"):
        examine(tmp_path / "link.png")
    campaign.outcome(outcome="BadImageError", billed="no", kept="nothing")
