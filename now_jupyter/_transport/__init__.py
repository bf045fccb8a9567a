"""The relay's client and the guarded download of links that answers name."""

from __future__ import annotations

from ._addresses import is_loopback, normal_base_url
from ._api import Api, Submission
from ._connection import Connection, check_address, connect, connect_demo, make_demo
from ._download import Downloader
from ._responses import Sink, replayed

__all__ = [
    "Api",
    "Connection",
    "Downloader",
    "Sink",
    "Submission",
    "check_address",
    "connect",
    "connect_demo",
    "is_loopback",
    "make_demo",
    "normal_base_url",
    "replayed",
]
