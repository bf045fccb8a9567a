"""The relay's client and the guarded download of links that answers name."""

from __future__ import annotations

from ._access import RelayAccess, check_address, connect, connect_demo, make_demo
from ._addresses import is_loopback, normal_base_url, roots_of
from ._client import RelayClient, Submission
from ._decoding import read_kept
from ._download import Downloader
from ._long_texts import LongTexts
from ._private_files import save
from ._proxies import relay_proxy
from ._requests import Inputs

__all__ = [
    "Downloader",
    "Inputs",
    "LongTexts",
    "RelayAccess",
    "RelayClient",
    "Submission",
    "check_address",
    "connect",
    "connect_demo",
    "is_loopback",
    "make_demo",
    "normal_base_url",
    "read_kept",
    "relay_proxy",
    "roots_of",
    "save",
]
