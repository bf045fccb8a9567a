"""What the READMEs say is generated or tried."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from clean_room import ROOT
from now_jupyter._messages import NowImageError
from now_jupyter._values import Picture
from relays import new_session

READMES = ("README.md", "README.zh-CN.md")


def test_the_help_in_the_readmes_is_the_generated_one() -> None:
    """Options and commands in the READMEs are those of the tables."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "write_readme.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", READMES)
def test_links_and_pictures_of_the_readmes_exist(name: str) -> None:
    """A relative link leads to a file of the repository."""
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", READMES)
def test_the_python_of_the_readmes_runs(name: str, tmp_path: Path) -> None:
    """The example runs on the demo as it stands, in a folder of its own."""
    text = (ROOT / name).read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert example is not None
    body = "\n".join("    " + line for line in example[1].replace('"#12', '"#1').splitlines())
    script = f"import asyncio\nasync def main():\n{body}\nasyncio.run(main())\n"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "fox.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", READMES)
def test_the_recipe_for_a_dataframe_shows_what_there_is(name: str, tmp_path: Path) -> None:
    """A row without a picture, of an order that was refused, is an empty cell."""
    (line,) = [
        line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if "DataFrame" in line and "**" in line
    ]
    *steps, table = [code for code in re.findall(r"`([^`]+)`", line) if code.startswith("df")]
    with new_session(tmp_path) as nj:
        nj.generate("a fox", model="dall-e-2", size="256x256")
        with pytest.raises(NowImageError):
            nj.generate("a hare", model="dall-e-2", params={"demo": {"fault": "reset"}})
        here = {"nj": SimpleNamespace(history=nj.history, Picture=Picture)}
        exec("\n".join(steps), here)
        html = eval(table, here).to_html()
    assert html.count('src="data:image/') == 1
    assert re.search(rf'row1_col{len(here["df"].columns) - 1}" class="[^"]*"\s*></td>', html)
