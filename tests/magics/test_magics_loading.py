"""Loading, unloading, completion and help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
