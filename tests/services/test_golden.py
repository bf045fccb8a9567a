"""What every release of ours left behind is read by today's services."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from golden import Golden, goldens_in, hold
from now_jupyter._services import builtin_names, service_named

GOLDENS = list(goldens_in(Path(__file__).parent / "golden"))


@pytest.mark.slow
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: f"{golden.service} {golden.path}")
def test_what_an_older_release_kept_is_read_for_ever(golden: Golden) -> None:
    """Its request is planned and equal to itself, its memo read, its checkpoint resumed, with the same outputs."""
    hold(service_named(golden.service), golden)


def test_every_service_and_endpoint_has_left_something() -> None:
    """A service without a golden order is not done; neither is one whose checkpoint nobody kept."""
    assert {one.service for one in GOLDENS} == set(builtin_names())
    assert {f"/images/{one}" for one in ("generations", "edits", "variations")} <= {one.path for one in GOLDENS}
    assert any(one.state for one in GOLDENS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"keys": ("1", "two")}, "instead of"),
        ({"state": {"id": "7"}}, "does not fit the ids"),
        ({"fingerprint": "0" * 64}, "fingerprint"),
        ({"path": "/images/edits"}, "elsewhere"),
    ],
)
def test_what_is_no_longer_read_is_told(change: dict[str, object], fault: str) -> None:
    """A key, checkpoint, request or endpoint that means something else today fails."""
    golden = next(one for one in GOLDENS if one.state)
    with pytest.raises(AssertionError, match=fault):
        hold(service_named(golden.service), replace(golden, **change))  # type: ignore[arg-type]
