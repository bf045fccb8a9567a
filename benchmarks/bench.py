"""Run every benchmark; each prints ratios measured in one run."""

from __future__ import annotations

import long_history
import one_picture
import preview
import startup


def main() -> None:
    """Run them one after another."""
    startup.main()
    one_picture.main()
    preview.main(rounds=5)
    long_history.main()


if __name__ == "__main__":
    main()
