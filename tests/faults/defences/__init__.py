"""The defences of the product, row by row of the fault table, each with the test that fails when it is taken out.

`make defences` takes them out one by one (tools/take_out.py); `test_defences.py` holds that the list still fits the
sources. A defence that is added to the product is added here, with its test.
"""

from __future__ import annotations

from ._bodies import BODIES
from ._defence import Defence
from ._disk import DISK
from ._downloads import DOWNLOADS
from ._input import INPUT
from ._kernels import KERNELS
from ._network import NETWORK
from ._status import STATUS
from ._tasks import TASKS
from ._walls import WALLS

__all__ = ["DEFENCES", "Defence"]

DEFENCES: tuple[Defence, ...] = (
    *INPUT,
    *STATUS,
    *BODIES,
    *NETWORK,
    *DOWNLOADS,
    *TASKS,
    *DISK,
    *KERNELS,
    *WALLS,
)
