"""What is in force: traits, layers, logins and the key."""

from __future__ import annotations

from ._key import Key, Veil
from ._logins import Login, Logins, is_same_address, key_from_environment
from ._settings import Reuse, Settings, from_environment, layered
from ._traits import Now

__all__ = [
    "Key",
    "Login",
    "Logins",
    "Now",
    "Reuse",
    "Settings",
    "Veil",
    "from_environment",
    "is_same_address",
    "key_from_environment",
    "layered",
]
