"""With what the engine runs networks."""

from __future__ import annotations

import json
import os
from pathlib import Path


def bench(
    *,
    threads: int | None,
    cache: str | os.PathLike[str] | None,
    seed: int,
    batch: int,
    positions: int | None,
    objective: str | None,
    memory: int | None,
) -> str:
    """The settings of a workbench as the extension reads them."""
    return json.dumps(
        {
            "threads": threads or 0,
            "cache": None if cache is None else os.fspath(cache),
            "seed": seed,
            "batch": batch,
            "positions": positions,
            "objective": objective,
            "memory": memory,
        }
    )


def data_folders() -> list[Path]:
    """Folders that may have published ground truths: ``LPZERO_DATA``, then the user's own."""
    chosen = os.environ.get("LPZERO_DATA")
    own = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return [*([Path(chosen)] if chosen else []), Path(own) / "lpzero"]
