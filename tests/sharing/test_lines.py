"""The lines of `%now export`, `import`, `bundle` and `report`."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from now_jupyter._ipython._completion import matcher_for
from now_jupyter._ipython._now import NowCommands
from now_jupyter._messages import InputError
from now_jupyter._session import Session
from relays import new_session

Run = Callable[[str], str]


@pytest.fixture
def run(studio: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands in a notebook that lies in the working folder."""
    monkeypatch.chdir(tmp_path)
    now = NowCommands(None, studio)  # type: ignore[arg-type]  # no cell is written

    def say(line: str) -> str:
        now.run(line)
        return capsys.readouterr().out.rstrip("\n")

    return say


def names_in(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_an_export_is_typed_in_a_line(run: Run, studio: Session, tmp_path: Path) -> None:
    """Path, references, marks, names in quotes or not, sizes and types; also from a Chinese keyboard."""
    assert run('export out.zip #1.2 #2 --clean --names "{tag}-{n:02d}"') == "out.zip (2 exported)"
    assert names_in(tmp_path / "out.zip") == ["01.png", "cover-02.png"]
    run("导出 “my zip.zip” ——starred ——clean ——names {n} ——longest 64 ——format=webp")
    assert names_in(tmp_path / "my zip.zip") == ["1.webp"]
    run("export --tag cover folder")
    assert (tmp_path / "folder" / "2-雪地里的狐狸.png").is_file()
    studio.remember_shown(studio.history["#3"].pictures[0])
    run("export last.zip -1 --clean")
    assert names_in(tmp_path / "last.zip") == ["3-at-night.png"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "message", "advice"),
    [
        ("export", "a path is missing", "%now export fox.zip"),
        ("export --clean", "a path is missing", ""),
        ("export out.exe", "out.exe is no folder, zip or page", ".zip or .html"),
        ("export fox.png", "fox.png is no folder, zip or page", ".zip or .html"),
        ("export x.zip --claen", "--claen is no option", "did you mean --clean?"),
        ("export x.zip --xyzzy", "--xyzzy is no option", "there are --starred --tag"),
        ("export x.zip --names", "--names needs a value", ""),
        ("export x.zip --names --clean", "--names needs a value", ""),
        ("export x.zip --clean=yes", "--clean takes no value", ""),
        ("export x.zip --clean --clean", "--clean is given twice", ""),
        ("export x.zip --longest big", "big is no length in pixels", "2048"),
        ("export x.zip --format tiff", "not exported as tiff", "png, jpeg or webp"),
        ("export x.zip --names {foo}", "{foo} is no field of a name", "there are {n} {tag}"),
        ("export x.zip #99", "there is no #99", ""),
        ('export "x.zip', "a quote is not closed", ""),
        ("import", "a path is missing", "%now import"),
        ("import a b", "one path at a time", "quotes"),
        ("import gone.zip", "cannot be read", ""),
        ("import x --force", "--force is no option", ""),
        ("bundle", "a path is missing", ""),
        ("bundle x.zip", "no saved notebook", "save it first"),
        ("report --csv", "--csv needs a value", ""),
        ("report --json x", "--json is no option", ""),
    ],
)
def test_a_wrong_line_says_what_would_be_right(line: str, message: str, advice: str, run: Run, tmp_path: Path) -> None:
    """And writes nothing."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        run(line)
    assert message in caught.value.message()
    assert advice in caught.value.next_step()
    assert sorted(tmp_path.iterdir()) == before


def test_an_import_says_what_came(run: Run, studio: Session, tmp_path: Path) -> None:
    """In one line, more where there is more to say."""
    run("export x.zip")
    assert run("导入 x.zip") == "here already: 3"


def test_a_bundle_is_made_of_the_notebook_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is saved."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fox.ipynb").write_text('{"cells": []}')
    with new_session(tmp_path, environ={"JPY_SESSION_NAME": str(tmp_path / "fox.ipynb")}) as session:
        session.generate("a fox")
        session.star("#1")
        NowCommands(None, session).run("打包 for-you")  # type: ignore[arg-type]  # as above
    assert capsys.readouterr().out == "for-you.zip (1 exported)\n"
    assert names_in(tmp_path / "for-you.zip") == ["fox.ipynb", "pictures/1-fox.png", "recipes/1.json"]


def test_a_notebook_that_was_never_saved_is_saved_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its file is there, and empty: a bundle of it would hold nothing."""
    (tmp_path / "fox.ipynb").write_text('{"cells": [{"cell_type": "code", "source": "", "outputs": []}]}')
    with new_session(tmp_path, environ={"JPY_SESSION_NAME": str(tmp_path / "fox.ipynb")}) as session:
        session.generate("a fox")
        with pytest.raises(InputError, match=r"fox\.ipynb was made and never saved") as caught:
            NowCommands(None, session).run(f"bundle {tmp_path / 'for-you.zip'}")  # type: ignore[arg-type]  # as above
    assert caught.value.next_step().startswith("save it first")
    assert not (tmp_path / "for-you.zip").exists()


def test_a_report_is_shown_or_written(run: Run, tmp_path: Path) -> None:
    """Text without a path; the paths where files were written."""
    assert run("report").splitlines()[0].split() == ["ref", "created", "model", "seed", "cost", "billed", "prompt"]
    assert len(run("报告 #1 ——starred").splitlines()) == 2
    assert run("report --csv r.csv --markdown r.md") == f"{tmp_path / 'r.csv'}\n{tmp_path / 'r.md'}"
    assert (tmp_path / "r.csv").read_text("utf-8-sig").count("\n") == 5
    assert run("report --tag nobody") == "no pictures yet"


def test_chinese_users_read_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was written, what came, and what was wrong in a source."""
    with new_session(tmp_path, typed=lambda: {"language": "zh"}) as session:
        session.generate("a fox")
        now = NowCommands(None, session)  # type: ignore[arg-type]  # as above
        now.run(f"导出 {tmp_path / 'out'}")
        (tmp_path / "out" / "recipes" / "9.json").write_text("{")
        now.run(f"导入 {tmp_path / 'out'}")
        lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'out'}（已导出 1 个）"
    assert lines[1:3] == ["原已在此：1", "未导入：1"]
    assert lines[3].startswith("  recipes/9.json: 这不是")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("export x.zip #", "#1.2"),
        ("export x.zip --", "--clean"),
        ("export x.zip #2 --na", "--names"),
        ("report --", "--csv"),
        ("export x.zip --tag ", "cover"),
    ],
)
def test_tab_offers_references_options_and_tags(typed: str, offered: str, studio: Session) -> None:
    """Where they can stand."""
    from IPython.core.completer import CompletionContext

    line = f"%now {typed}"
    context = CompletionContext(
        token=line.rsplit(" ", maxsplit=1)[-1], full_text=line, cursor_position=len(line), cursor_line=0, limit=None
    )
    assert offered in [one.text for one in matcher_for(studio)(context)["completions"]]
