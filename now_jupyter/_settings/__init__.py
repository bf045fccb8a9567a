"""What is in force: traits, layers, logins and the key, in one frozen snapshot."""

from __future__ import annotations

from .._traits import Reuse, Settings
from ._environment import Environment, user_folder
from ._key import Key, Redactor
from ._logins import Login, Logins, is_same_address
from ._settings import Configuration

__all__ = [
    "Configuration",
    "Environment",
    "Key",
    "Login",
    "Logins",
    "Redactor",
    "Reuse",
    "Settings",
    "is_same_address",
    "user_folder",
]
