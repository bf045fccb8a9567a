"""What loading costs in fresh interpreters: `import now_jupyter`, `%load_ext now_jupyter`, `import openai`."""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 7
_TIMED = "import time; began = time.perf_counter(); {work}; print(time.perf_counter() - began)"
_SHELL = "from IPython.core.interactiveshell import InteractiveShell; ip = InteractiveShell.instance(); "
WORKS = {
    "import now_jupyter": _TIMED.format(work="import now_jupyter"),
    "%load_ext now_jupyter": _SHELL + _TIMED.format(work="ip.extension_manager.load_extension('now_jupyter')"),
    "import openai": _TIMED.format(work="import openai"),
}


def median_ms(script: str) -> float:
    """Run the script in fresh interpreters and give the median of what it prints, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        times.append(float(done.stdout.split()[-1]) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and print the table."""
    figures = {name: median_ms(script) for name, script in WORKS.items()}
    print(f"start-up, median of {ROUNDS} fresh interpreters")
    for name, figure in figures.items():
        print(f"  {name:<24}{figure:8.1f} ms   {figure / figures['import openai']:.2f} × import openai")


if __name__ == "__main__":
    main()
