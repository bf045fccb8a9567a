"""A fault server and a key."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from faultserver import FaultServer
from now_jupyter._settings import Key


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def key() -> Key:
    return Key(secrets.token_hex(16), source="keyring")
