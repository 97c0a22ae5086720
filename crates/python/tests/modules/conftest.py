"""Small modules of transformers, and what tests hold traces against."""

from __future__ import annotations

import importlib.util

import pytest

#: Without these there is nothing to test; a skipped test is no check, so it is said aloud.
MISSING = [name for name in ("torch", "transformers") if not importlib.util.find_spec(name)]
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_report_header(config: pytest.Config) -> str | None:
    if MISSING:
        return f"SKIPPED: lpzero.torch is not tested without {' and '.join(MISSING)}"
    return None
