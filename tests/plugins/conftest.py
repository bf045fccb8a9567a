"""Two plug-ins as users install them, and the relay that they speak to."""

from __future__ import annotations

import importlib
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from now_jupyter._services import _registry
from two_services import TwoServices, handler_of

HERE = Path(__file__).parent


def install(name: str, folder: Path) -> None:
    """Put a plug-in into a folder as an installer does: its module, and what it says of itself."""
    project = tomllib.loads((HERE / name / "pyproject.toml").read_text("utf-8"))["project"]
    (folder / f"{name}.py").write_text((HERE / name / f"{name}.py").read_text("utf-8"), "utf-8")
    about = folder / f"{name}-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {project['version']}\n", "utf-8")
    groups = project["entry-points"].items()
    lines = [line for group, points in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in points.items()))]
    (about / "entry_points.txt").write_text("\n".join(lines), "utf-8")


@pytest.fixture
def plugins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Both plug-ins installed; the folder they lie in."""
    folder = tmp_path_factory.mktemp("installed")
    for name in ("atelier", "organ"):
        install(name, folder)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    _registry._look.cache_clear()
    yield folder
    for name in ("atelier", "organ"):
        sys.modules.pop(name, None)
    _registry._look.cache_clear()


@pytest.fixture
def relay() -> Iterator[TwoServices]:
    relay = TwoServices()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(relay))
    relay.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield relay
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def broken_plugin(plugins: Path) -> str:
    """A third plug-in, whose module cannot be loaded."""
    about = plugins / "crumbs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: crumbs\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text("[now_jupyter.services.v1]\ncrumbs = nowhere_at_all:Crumbs\n", "utf-8")
    importlib.invalidate_caches()
    _registry._look.cache_clear()
    return "crumbs"
