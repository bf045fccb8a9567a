"""What one line of the product defends against, how it reads without that defence, and the test that fails then."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Defence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defence:
    """One defence, and how to take it out.

    `path` is below the root of the project, `before` the exact text that stands there once, `after` the same without
    the defence; `test` is what pytest calls the test, and bears the mark of the row. `hangs` says that without the
    defence the test may go on for ever instead of failing.
    """

    row: str
    says: str
    path: str
    before: str
    after: str
    test: str
    hangs: bool = False

    def taken_out(self, source: str) -> str:
        """Give the source without the defence.

        Raises:
            ValueError: the text of the defence does not stand there exactly once.
        """
        if source.count(self.before) != 1:
            raise ValueError(f"{self.path} holds {source.count(self.before)} times {self.before!r}")
        return source.replace(self.before, self.after)
