"""What older releases of a plug-in left behind is read by today's, as it is for our own services."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden import Golden, goldens_in, hold
from now_jupyter._services import service_named

pytestmark = pytest.mark.usefixtures("plugins")
GOLDENS = list(goldens_in(Path(__file__).parent / "golden"))


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: f"{golden.service} {golden.request.button or 'made'}")
def test_what_an_older_release_kept_is_read_for_ever(golden: Golden) -> None:
    """Its request is planned and equal to itself, its memo read, its checkpoint resumed, with the same outputs."""
    hold(service_named(golden.service), golden)


def test_both_plugins_have_left_something() -> None:
    """A plug-in without a golden order is no example."""
    assert {one.service for one in GOLDENS} == {"atelier", "organ"}
