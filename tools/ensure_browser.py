"""Find the machine's Chromium; install it where that can be done without asking (root on Debian or Ubuntu)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["find_browser"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
_PACKAGES = ("chromium", "fonts-liberation", "fonts-noto-cjk")
_ADVICE = f"""The tests of the panel need Chromium or Chrome, and none was found. Install one, for example
    Debian, Ubuntu:  sudo apt-get install {" ".join(_PACKAGES)}
    Fedora:          sudo dnf install chromium google-noto-sans-cjk-fonts
    macOS:           brew install --cask chromium
or put its path into CHROMIUM, and run `make test` again."""


def find_browser() -> str | None:
    """Give the path of a Chromium: CHROMIUM, else the first of the usual ones."""
    if own := os.environ.get("CHROMIUM"):
        return own
    found = (shutil.which(name) for name in _NAMES)
    return next((path for path in found if path), None) or next(filter(os.path.isfile, _PLACES), None)


def _may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install() -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = ["apt-get", "-q", "update"]
    install = ["apt-get", "-q", "install", "-y", "--no-install-recommends", *_PACKAGES]
    for command in (update, install):
        print(" ".join(command), flush=True)
        subprocess.run(command, check=True, env=quiet, stdin=subprocess.DEVNULL)


def main() -> int:
    """Tell the browser's path, installing it first where that is possible."""
    if find_browser() is None and _may_install():
        _install()
    browser = find_browser()
    if browser is None or not Path(browser).exists():
        print(_ADVICE, file=sys.stderr)
        return 1
    print(f"browser: {browser}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
