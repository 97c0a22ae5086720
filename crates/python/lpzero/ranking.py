"""How well proxies rank trained networks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from . import _lpzero
from .bench import bench
from .errors import warn
from .progress import Progress, shown
from .proxies import AnyProxy, proxies
from .table import Table
from .truth import AnyTruth, truth


def rank(
    given: AnyTruth,
    by: AnyProxy | Iterable[AnyProxy],
    *,
    split: tuple[int, int] | None = None,
    seed: int = 0,
    exact: bool = False,
    batch: int = 4,
    positions: int | None = None,
    objective: str | None = None,
    memory: int | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | bool | None = None,
) -> Table:
    """How well proxies rank the networks of a ground truth: a row per proxy.

    Columns: ``tau`` and ``rho`` with 95 % bootstrap intervals (``tau_ci``), equal-size
    accuracy (``same_size``), the gain over ``params`` (``over_params``), and more, as
    ``lpzero rank --json`` has them. ``split`` = (search, validation) ranks only the test
    networks of that split.

    Raises :class:`LpzeroError` where a formula or a ground truth cannot be used.
    """
    settings = bench(
        threads=threads,
        cache=cache,
        seed=seed,
        batch=batch,
        positions=positions,
        objective=objective,
        memory=memory,
    )
    with shown(progress) as show:
        document = _lpzero.rank(
            truth(given)._inner,
            proxies(by),
            settings,
            None if split is None else list(split),
            seed,
            exact,
            show,
            warn,
        )
    return Table(json.loads(document)["rows"])
