"""What was chosen in a session holds in the processes that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from now_jupyter._ipython import _extension
from relays import Served
from shells import shell_in

SCRIPT = """
import multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
import now_jupyter as nj

if __name__ == "__main__":
    nj.use_demo(instant=True)
    nj.session().context.use_folder("elsewhere.now")
    os.mkdir("deep")
    os.chdir("deep")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(sys.argv[1])) as pool:
        (made,) = pool.map(nj.generate, ["a fox"])
    print(made.demo, made.pictures[0].path.parents[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_children_buy_nothing_against_the_sessions_choices(way: str, served: Served, tmp_path: Path) -> None:
    """With the demo and a folder chosen, a pool's workers draw into that folder, and the relay is asked for nothing."""
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "script.py", way]
    environ = {**os.environ, "NOW_BASE_URL": served.url}
    ran = subprocess.run(command, cwd=tmp_path, env=environ, check=False, capture_output=True, text=True, timeout=100)
    assert ran.stdout.split() == ["True", str(tmp_path / "elsewhere.now")], ran.stderr
    assert served.posts == 0


def test_a_childs_session_has_what_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`%config` and `%now folder` hold, the later word before the earlier; the key is not handed down."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOW_API_KEY", "not for others")
    with shell_in(tmp_path / "ipython") as shell:
        shell.run("%load_ext now_jupyter")
        assert "NOW_SESSION" not in os.environ
        shell.run("%config Now.confirm_over = 0.5\n%config Now.download_hosts = ['nas']\n%config Now.folder = 'a.now'")
        shell.run("%now folder b.now\n%now demo on")
        assert "not for others" not in os.environ["NOW_SESSION"]
        with monkeypatch.context() as child:
            child.setattr("os.getpid", lambda: 0)
            session = _extension.session()
            settings = session.settings()
            assert session.context.is_demo()
        assert (settings.confirm_over, settings.download_hosts) == (0.5, ("nas",))
        assert settings.folder == str(tmp_path / "b.now")
