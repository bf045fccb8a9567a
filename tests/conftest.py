"""What every test stands on: a clean environment of its own, no network, real kernels, a real JupyterLab."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from clean_room import Homes
from network_guard import LOG
from plain_pictures import PLAINLY, WELL, paint

if TYPE_CHECKING:  # the tools are loaded where they are used: most runs need none of them
    from lab import Lab, LabServer
    from panels import Browser

QUICK, KERNELS = "--quick", "--kernels"
# Without the first no kernel of the tests is found; a `page` is one of a browser.
_KERNEL_FIXTURES = {"kernels_folder", "lab_server", "browser", "page"}
_LONGEST_FIRST = ("lab_server", "kernels_folder", "browser")
_WITH_JUPYTERLAB = (
    *("tests/panel/test_panel_lab.py", "tests/panel/test_panel_studio.py"),
    *("tests/test_lab.py", "tests/test_lab_helper.py", "tests/faults/test_w_in_the_browser.py"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "leave out what asks for a kernel, JupyterLab or a browser, what is marked slow, and the faults"
    parser.addoption(QUICK, action="store_true", default=False, help=words)
    words = "run only what asks for a kernel, JupyterLab or a browser"
    parser.addoption(KERNELS, action="store_true", default=False, help=words)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "slow: half a second and more, alone or in all its forms: processes, others' libraries, hundreds of odd inputs",
    )
    config.addinivalue_line("markers", "drawn: looks at what the demo draws; all others get plain pictures")
    hypothesis.settings.register_profile("quick", max_examples=20, deadline=None)
    if config.getoption(QUICK):
        hypothesis.settings.load_profile("quick")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Keep the tests of a file on one worker, and all with a JupyterLab: to start it and load its page takes long."""
    from xdist.scheduler import LoadFileScheduling

    class OneJupyterLab(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "JupyterLab" if file in _WITH_JUPYTERLAB else file

    return OneJupyterLab(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Both options go by what a test asks for, so that new tests fall on the right side by themselves.

    Files with a JupyterLab begin, those with kernels, a browser or the mark `slow` follow: a worker that got one of
    them last would run it alone.
    """
    ranks: dict[Path, int] = {}
    for item in items:
        file = item.nodeid.split("::")[0]
        assert "lab_server" not in getattr(item, "fixturenames", ()) or file in _WITH_JUPYTERLAB, f"add {file}"
        ranks[item.path] = min(_rank(item), ranks.get(item.path, len(_LONGEST_FIRST) + 1))
    items.sort(key=lambda item: ranks[item.path])
    left_out = [item for item in items if not _is_wanted(item, config)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _is_wanted(item, config)]


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over modules and tests: IPython calls it at the end of every shell."""
    gc.freeze()


def _rank(item: pytest.Item) -> int:
    asked = ("kernels_folder",) if item.path.suffix == ".ipynb" else getattr(item, "fixturenames", ())
    ranks = (place for place, name in enumerate(_LONGEST_FIRST) if name in asked)
    return next(ranks, len(_LONGEST_FIRST) if item.get_closest_marker("slow") else len(_LONGEST_FIRST) + 1)


def _is_wanted(item: pytest.Item, config: pytest.Config) -> bool:
    has_kernel = not _KERNEL_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    if config.getoption(QUICK) and (has_kernel or item.get_closest_marker("slow")):
        return False
    return has_kernel or not config.getoption(KERNELS)


@pytest.fixture(scope="session")
def kernels_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both kernels are described where jupyter_client, nbclient and Lab look."""
    from kernels import write_kernelspecs

    folder = tmp_path_factory.mktemp("jupyter-path")
    write_kernelspecs(folder)
    os.environ["JUPYTER_PATH"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return Homes(tmp_path_factory.mktemp("homes"))


@pytest.fixture(autouse=True)
def clean_home(homes: Homes, environment_is_put_back: None) -> Path:
    """Every test has home folders of its own: it finds no login, setting or history of another."""
    os.environ.update(homes.open())
    return homes.home


@pytest.fixture(autouse=True)
def environment_is_put_back() -> Iterator[None]:
    """What a test (or a cell that it runs in this process) sets in the environment ends with it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def stays_on_this_machine() -> Iterator[None]:
    """A test fails if it, or a kernel or server it started, wanted to reach another machine."""
    log = Path(os.environ[LOG])
    log.unlink(missing_ok=True)
    yield
    assert not log.exists(), f"wanted to leave this machine:\n{log.read_text(encoding='utf-8')}"


@pytest.fixture(autouse=True, scope="session")
def pictures_are_plain() -> Iterator[None]:
    """The demo draws only for the tests that look at its drawings."""
    with paint(PLAINLY):
        yield


@pytest.fixture(autouse=True)
def pictures_are_drawn_where_it_matters(request: pytest.FixtureRequest, pictures_are_plain: None) -> Iterator[None]:
    """A test marked `drawn` has the demo as people have it."""
    if request.node.get_closest_marker("drawn") is None:
        yield
        return
    with paint(WELL):
        yield


@pytest.fixture(scope="session")
def kernel7(kernels_folder: Path) -> str:
    """The kernel of today."""
    from kernels import KERNEL_7

    return KERNEL_7


@pytest.fixture(scope="session")
def kernel6(kernels_folder: Path) -> str:
    """The kernel that many still have: ipykernel 6.31."""
    from kernels import KERNEL_6, overlay_is_there

    assert overlay_is_there(), "the second kernel is missing: run `make kernel6`"
    return KERNEL_6


@pytest.fixture(params=["kernel7", "kernel6"])
def either_kernel(request: pytest.FixtureRequest, kernels_folder: Path) -> str:
    """Both kernels, one after the other."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def lab_server(kernels_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """One JupyterLab server and one Chromium for the whole run."""
    from lab import LabServer

    with LabServer(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all pages that show a panel without a kernel."""
    from panels import Browser

    with Browser.started() as browser:
        yield browser


@pytest.fixture
def lab(lab_server: LabServer, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A folder and a browser context of its own for every test; nothing in the page may leave this machine."""
    with lab_server.open_folder(request.node.name) as lab:
        yield lab
    assert not lab.strangers, f"the page asked for {lab.strangers}"
