"""A search in scikit-learn's manners."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ._lpzero import LpzeroError, Proxy, Trace
from .ranking import rank
from .run import Run, search
from .table import Table
from .truth import Truth

try:
    from sklearn.base import BaseEstimator as _Base
except ImportError:

    class _Base:  # type: ignore[no-redef]
        """What scikit-learn would give: parameters by name."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """Parameters by name."""
            return dict(vars(self))

        def set_params(self, **parameters: Any) -> Any:
            """Change parameters."""
            for name, value in parameters.items():
                if name not in vars(self):
                    raise ValueError(f"{name}: unknown parameter")
                setattr(self, name, value)
            return self


class ProxySearch(_Base):  # type: ignore[misc]
    """Searches for a proxy on traces, as an estimator: ``fit(traces, y)``.

    Parameters are those of :func:`lpzero.search`. After ``fit``: ``proxy_`` (the formula),
    ``front_`` (a table), ``run_`` (all of the report).
    """

    def __init__(
        self,
        method: str = "powers",
        split: tuple[int, int] | None = None,
        evaluations: int | None = None,
        seed: int = 0,
        threads: int | None = None,
        progress: bool | None = False,
    ):
        self.method = method
        self.split = split
        self.evaluations = evaluations
        self.seed = seed
        self.threads = threads
        self.progress = progress

    def fit(self, X: Iterable[Trace], y: Iterable[float]) -> ProxySearch:
        """Search on traces ``X`` of networks whose trained scores are ``y``, larger being
        better. A part of them is set aside as a test; ``run_`` reports on it."""
        self.run_: Run = search(
            Truth.from_traces(X, y),
            method=self.method,
            split=self.split,
            evaluations=self.evaluations,
            seed=self.seed,
            threads=self.threads,
            progress=self.progress,
        )
        self.proxy_: Proxy = self.run_.best
        self.front_: Table = self.run_.front
        return self

    def predict(self, X: Sequence[Trace]) -> list[float]:
        """Scores of the proxy: they rank networks, and have no unit."""
        if not hasattr(self, "proxy_"):
            raise LpzeroError("predict: call fit first")
        return [trace.score(self.proxy_)[0] for trace in X]

    def score(self, X: Iterable[Trace], y: Iterable[float]) -> float:
        """Kendall's tau between the proxy and ``y``."""
        if not hasattr(self, "proxy_"):
            raise LpzeroError("score: call fit first")
        tau: float | None = rank(Truth.from_traces(X, y), self.proxy_, progress=False)[0]["tau"]
        return float("nan") if tau is None else tau
