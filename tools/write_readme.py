"""Write the generated help into both READMEs; `--check` only tells whether they are up to date (exit 1 if not)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from now_jupyter._ipython._commands import usage_of_now
from now_jupyter._messages._text import Language
from now_jupyter._options import usage
from now_jupyter._services import builtin_names

ROOT = Path(__file__).parents[1]
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
    return _BLOCK.sub(_block, path.read_text(encoding="utf-8"))


def _block(match: re.Match[str]) -> str:
    language: Language = "zh" if match["language"] == "zh" else "en"
    text = usage(language, services=builtin_names()) if match["what"] == "usage" else usage_of_now(language)
    return f"{match['mark']}{text.rstrip()}\n"


if __name__ == "__main__":
    sys.exit(main())
