"""Warnings of long work."""

from __future__ import annotations

import warnings


class LpzeroWarning(UserWarning):
    """Something that the user should know although the work went on."""


def warn(message: str) -> None:
    """Raise a warning at the user's line."""
    warnings.warn(message, LpzeroWarning, stacklevel=3)
