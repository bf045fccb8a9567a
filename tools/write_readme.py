"""Write what is generated into both READMEs: the help, and the figures of `make bench` out of its RESULTS.md.

`--check` only tells whether they are up to date (exit 1 if not).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from now_jupyter._ipython._commands import usage_of_now
from now_jupyter._messages._text import Language
from now_jupyter._options import usage
from now_jupyter._services import builtin_names

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
IN_CHINESE = ROOT / "benchmarks" / "zh.json"
_SHOWN = ("work", "goal", "now_jupyter", "peer", "ratio", "verdict")
_NUMBER = re.compile(r"\d[\d,.]*")
_TABLE = re.compile(r"(?<=<!-- results (?P<language>en|zh) -->\n).*?(?=<!-- end of results -->)", re.DOTALL)
_BLOCK = re.compile(r"(?P<mark><!-- (?P<what>usage|now) (?P<language>en|zh) -->\n```text\n).*?(?=```)", re.DOTALL)


def main() -> int:
    """Write or check."""
    stale = [path for path in (ROOT / "README.md", ROOT / "README.zh-CN.md") if _is_stale(path)]
    if "--check" in sys.argv:
        print("\n".join(f"{path.name} is out of date: run tools/write_readme.py" for path in stale))
        return bool(stale)
    for path in stale:
        path.write_text(_filled(path), encoding="utf-8")
    return 0


def _is_stale(path: Path) -> bool:
    return _filled(path) != path.read_text(encoding="utf-8")


def _filled(path: Path) -> str:
    return _TABLE.sub(_figures, _BLOCK.sub(_block, path.read_text(encoding="utf-8")))


def _block(match: re.Match[str]) -> str:
    language: Language = "zh" if match["language"] == "zh" else "en"
    text = usage(language, services=builtin_names()) if match["what"] == "usage" else usage_of_now(language)
    return f"{match['mark']}{text.rstrip()}\n"


def _figures(match: re.Match[str]) -> str:
    """Give the table of what was measured against a goal."""
    words: dict[str, str] = json.loads(IN_CHINESE.read_text(encoding="utf-8")) if match["language"] == "zh" else {}
    return "".join(f"| {' | '.join(translated(cell, words) for cell in row)} |\n" for row in _rows())


def _rows() -> Iterator[list[str]]:
    """Give head, rule and lines of the first table, without those that have no verdict."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("|"))
    head, _rule, *rows = (_cells(line) for line in lines[begin : lines.index("", begin)])
    yield list(_SHOWN)
    yield ["---"] * len(_SHOWN)
    for row in rows:
        told = dict(zip(head, row, strict=True))
        if told["verdict"]:
            yield [told[name] for name in _SHOWN]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def translated(cell: str, words: dict[str, str]) -> str:
    """Give a cell in other words, if there are any for it; they stand with `{}` in place of each number."""
    return words[known].format(*_NUMBER.findall(cell)) if (known := template(cell)) in words else cell


def template(cell: str) -> str:
    """Give a cell with `{}` in place of each number."""
    return _NUMBER.sub("{}", cell)


if __name__ == "__main__":
    sys.exit(main())
