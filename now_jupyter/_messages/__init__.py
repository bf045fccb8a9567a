"""The error tree, what a relay's refusal means, and what is said, in two languages."""

from __future__ import annotations

from .._bounds import plain, printable
from . import _errors, _reasons, _refusals, _text
from ._errors import *
from ._reasons import *
from ._refusals import *
from ._text import *

__all__: list[str] = ["plain", "printable"]
__all__ += _errors.__all__
__all__ += _reasons.__all__
__all__ += _refusals.__all__
__all__ += _text.__all__
