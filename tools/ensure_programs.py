"""Find the programs that tests use, Chromium and strace; install them where nobody need be asked (root on Debian)."""

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
_BROWSER = ("chromium", "fonts-liberation", "fonts-noto-cjk")
_STRACE = ("strace",)
_ADVICE = f"""The tests need {{missing}}, and none was found. Install it, for example
    Debian, Ubuntu:  sudo apt-get install {" ".join(_BROWSER + _STRACE)}
    Fedora:          sudo dnf install chromium google-noto-sans-cjk-fonts strace
    macOS:           brew install --cask chromium
or put the path of a Chromium into CHROMIUM, and run `make test` again."""


def find_browser() -> str | None:
    """Give the path of a Chromium: CHROMIUM, else the first of the usual ones."""
    if own := os.environ.get("CHROMIUM"):
        return own
    found = (shutil.which(name) for name in _NAMES)
    return next((path for path in found if path), None) or next(filter(os.path.isfile, _PLACES), None)


def _missing() -> dict[str, tuple[str, ...]]:
    """Name what is not there, and Debian's packages that bring it."""
    browser = find_browser()
    wanted = {"Chromium or Chrome": browser is not None and Path(browser).exists()}
    wanted |= {"strace": shutil.which("strace") is not None} if sys.platform == "linux" else {}
    packages = {"Chromium or Chrome": _BROWSER, "strace": _STRACE}
    return {name: packages[name] for name, is_there in wanted.items() if not is_there}


def _may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install(packages: Iterable[str]) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = ["apt-get", "-q", "update"]
    install = ["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages]
    for command in (update, install):
        print(" ".join(command), flush=True)
        subprocess.run(command, check=True, env=quiet, stdin=subprocess.DEVNULL)


def main() -> int:
    """Tell the browser's path, after installing what is missing where that is possible."""
    if (missing := _missing()) and _may_install():
        _install(chain.from_iterable(missing.values()))
        missing = _missing()
    if missing:
        print(_ADVICE.format(missing=" and ".join(missing)), file=sys.stderr)
        return 1
    print(f"browser: {find_browser()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
