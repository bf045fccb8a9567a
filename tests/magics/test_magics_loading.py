"""Loading, unloading, completion and help."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import now_jupyter as nj
from now_jupyter._ipython import _light
from now_jupyter._messages import InputError
from now_jupyter._options import usage
from now_jupyter._services import builtin_names
from shells import SMALL, Shell, shell_in


def _everything(ip: Any) -> dict[str, Any]:
    """What an extension may touch."""
    return {
        "events": {name: list(hooks) for name, hooks in ip.events.callbacks.items()},
        "cleanup": list(ip.input_transformers_cleanup),
        "post": list(ip.input_transformers_post),
        "magics": {kind: dict(table) for kind, table in ip.magics_manager.magics.items()},
        "formatters": {
            name: (dict(one.type_printers), dict(one.deferred_printers), dict(one.singleton_printers))
            for name, one in (
                *ip.display_formatter.formatters.items(),
                ("ipython", ip.display_formatter.ipython_display_formatter),
                ("mimebundle", ip.display_formatter.mimebundle_formatter),
            )
        },
        "completers": {key: list(chain) for key, chain in ip.strdispatchers["complete_command"].strs.items()},
        "matchers": list(ip.Completer.custom_matchers),
        "configurables": list(ip.configurables),
        "exceptions": ip.custom_exceptions,
        "hooks": {name: list(getattr(ip.hooks, name)) for name in ip.hooks if name != "complete_command"},
        "names": {name for name in ip.user_ns if not name.startswith("_")},
    }


def test_unloading_restores_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, transformers, magics, formatters, completers and settings are as before, also a magic of that name."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython") as shell:
        ip = shell.ip
        ip.register_magic_function(lambda _line: "mine", "line", "now")
        ip.set_hook("complete_command", _complete_nothing, str_key="%now")
        shell.ip.run_line_magic("unload_ext", "none")  # IPython itself loads some magics at their first use
        before = _everything(ip)
        shell.run("%load_ext now_jupyter")
        assert _everything(ip) != before
        shell.run("%load_ext now_jupyter\n%reload_ext now_jupyter\n%unload_ext now_jupyter")
        assert _everything(ip) == before
        assert shell.run("%now") == "mine"
        shell.run("%load_ext now_jupyter")
        shell.session.use_demo(instant=True)
        assert shell.pictures(f"%nowimage {SMALL} fox") == 1


def _complete_nothing(_shell: object, _event: object) -> list[str]:
    return []


def test_loading_twice_changes_nothing(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """A second `load_ipython_extension` adds no second hook and prints nothing."""
    import now_jupyter

    before = _everything(shell.ip)
    now_jupyter.load_ipython_extension(shell.ip)
    assert _everything(shell.ip) == before
    assert capsys.readouterr().out == ""


def test_loading_prints_nothing_and_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`%load_ext` shows nothing and writes nothing beside the notebook."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython") as shell:
        assert shell.shown("%load_ext now_jupyter") == []
        assert capsys.readouterr() == ("", "")
        assert [one.name for one in tmp_path.iterdir()] == ["ipython"]


def test_the_session_begins_where_the_extension_was_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes the folder before the first order has the history beside the notebook all the same."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    with shell_in(tmp_path / "ipython") as shell:
        shell.run("%load_ext now_jupyter")
        shell.run("import os; os.chdir('deep')")
        assert shell.session.context.home().store.folder.parent == tmp_path


@pytest.mark.parametrize("language", ["en", "zh"])
def test_help_is_the_generated_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: Any
) -> None:
    """`--help` prints it and `%%nowimage?` shows it, in the user's language; nothing is sent."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython", language=language) as shell:
        shell.run("%load_ext now_jupyter")
        capsys.readouterr()
        for code in ("%nowimage --help", "%%nowimage --help", "%%nowimage --help\nfox", "%nowimage -n 2 --help"):
            assert shell.run(code) is None
            assert capsys.readouterr().out.strip() == usage(language, services=builtin_names()).strip()
        for code in ("%%nowimage?", "%nowimage?"):
            shell.run(code)
            assert usage(language, services=builtin_names()).splitlines()[1].strip() in capsys.readouterr().out
        assert len(shell.session.history) == 0


@pytest.mark.parametrize("code", ["%%nowimage", "%%nowimage\n\n", "%nowimage", "%nowimage -n 2", "%%nowimage -n 2"])
def test_without_a_prompt_the_cell_fails(shell: Shell, code: str) -> None:
    """An empty prompt is an error of ours, which the notebook keeps; IPython's own would leave none."""
    assert isinstance(shell.fail(code), InputError)


LOADED = """
import sys
from IPython.core.interactiveshell import InteractiveShell
ip = InteractiveShell.instance()
before = set(sys.modules)
{work}
print(*sorted(set(sys.modules) - before - set(sys.builtin_module_names)))
"""
LOAD = "ip.extension_manager.load_extension('now_jupyter')"
LIGHT = {
    "now_jupyter",
    "now_jupyter._cells",
    "now_jupyter._ipython",
    *(
        f"now_jupyter._ipython.{name}"
        for name in ("_children", "_extension", "_light", "_lists", "_loading", "_rewriting")
    ),
    "now_jupyter._traits",
}


def _loaded_by(work: str, folder: Path) -> set[str]:
    """Return the modules that some work of a fresh IPython loads."""
    command = [sys.executable, "-c", LOADED.format(work=work)]
    environ = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
    ran = subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True, text=True, timeout=100)
    assert not ran.stderr
    return set(ran.stdout.splitlines()[-1].split())


@pytest.mark.slow
def test_loading_loads_the_stand_ins_and_nothing_else(tmp_path: Path) -> None:
    """In a fresh IPython: no HTTP, pictures, loops, widgets, databases or readers, and little of our own."""
    assert _loaded_by(LOAD, tmp_path) == LIGHT
    assert _loaded_by(f"{LOAD}\nip.extension_manager.unload_extension('now_jupyter')", tmp_path) == LIGHT


@pytest.mark.slow
def test_cells_without_our_magics_load_no_more(tmp_path: Path) -> None:
    """Values, lists, magics of others, help on all magics, completion: what they load without us, they load with us."""
    cells = "1 + 1", "%time [1, 2]", "'now and then'", "%config", "%lsmagic", "%quickref", "def f(): pass"
    run = "".join(f"ip.run_cell({cell!r}, store_history=True)\n" for cell in cells)
    run += "ip.complete('pri'), ip.complete('%ma')"
    assert _loaded_by(f"{LOAD}\n{run}", tmp_path) - _loaded_by(run, tmp_path) == LIGHT


@pytest.mark.parametrize("name", _light._SHOWN)
def test_values_are_shown_by_the_names_of_their_classes(name: str) -> None:
    """Formatters stand under names before the classes are loaded; there is a public class of each."""
    module, _, kind = name.rpartition(".")
    assert getattr(importlib.import_module(module), kind) in (nj.Generation, nj.Job, *nj.Picture.__mro__)


PASSES = """
import gc
if {is_off}:
    gc.disable()
before = gc.isenabled(), gc.get_freeze_count()
passes = []
gc.callbacks.append(lambda phase, _: passes.append(phase))
import now_jupyter
now_jupyter.use_demo()
print((gc.isenabled(), gc.get_freeze_count()) == before, passes.count("start"))
gc.disable()
young = []
now_jupyter.generate
print(any(one is young for one in gc.get_objects(generation=0)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_off", [False, True])
def test_loading_makes_the_garbage_collector_wait(is_off: bool) -> None:
    """Hundreds of modules are loaded between two passes; whoever had turned it off finds it off, and nothing frozen.

    Only what is loaded counts as old at once: a verb that is used later ages nothing of the user's.
    """
    command = [sys.executable, "-c", PASSES.format(is_off=is_off)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    is_as_before, passes, stays_young = ran.stdout.split()
    assert is_as_before == stays_young == "True"
    assert int(passes) < 60  # 125 otherwise
