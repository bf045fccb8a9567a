"""Find the programs that tests and checks use; install them where nobody need be asked (root on Debian).

`ensure_programs.py` alone looks for what the tests use, Chromium and on Linux strace; `ensure_programs.py npm` for what
the checks of the panel's script use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

__all__ = ["find_browser"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
_PACKAGES = {
    "chromium": ("chromium", "fonts-liberation", "fonts-noto-cjk"),
    "strace": ("strace",),
    "npm": ("nodejs", "npm"),
}
_ADVICE = f"""{{missing}} cannot be found. Install it, for example
    Debian, Ubuntu:  sudo apt-get install {" ".join(chain.from_iterable(_PACKAGES.values()))}
    Fedora:          sudo dnf install chromium google-noto-sans-cjk-fonts strace nodejs-npm
    macOS:           brew install --cask chromium; brew install node
or put the path of a Chromium into CHROMIUM, and run `make` again."""


def find_browser() -> str | None:
    """Return the path of a Chromium: CHROMIUM, else the first of the usual ones."""
    if own := os.environ.get("CHROMIUM"):
        return own
    found = (shutil.which(name) for name in _NAMES)
    return next((path for path in found if path), None) or next(filter(os.path.isfile, _PLACES), None)


def _is_there(program: str) -> bool:
    if program == "chromium":
        browser = find_browser()
        return browser is not None and Path(browser).exists()
    if program == "strace":
        return sys.platform != "linux" or shutil.which("strace") is not None
    return shutil.which("node") is not None and shutil.which("npm") is not None


def _may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install(packages: Iterable[str]) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = ["apt-get", "-q", "update"]
    install = ["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages]
    for command in (update, install):
        print(" ".join(command), flush=True)
        subprocess.run(command, check=True, env=quiet, stdin=subprocess.DEVNULL)


def main(programs: Iterable[str]) -> int:
    """Install what is missing where that is possible; return 1 where something is still missing."""
    missing = [one for one in programs if not _is_there(one)]
    if missing and _may_install():
        _install(chain.from_iterable(_PACKAGES[one] for one in missing))
        missing = [one for one in missing if not _is_there(one)]
    if missing:
        print(_ADVICE.format(missing=" and ".join(missing)), file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["chromium", "strace"]))
