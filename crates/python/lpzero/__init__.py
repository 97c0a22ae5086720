"""Find zero-cost proxies for language models, and score any PyTorch module with them.

A zero-cost proxy is a formula over weights, gradients and activations of an untrained
network. It ranks architectures by the quality that they will reach once trained.

>>> import lpzero
>>> proxy = lpzero.Proxy("sum[ffn](sum(abs(W * G)))")
>>> proxy.complexity
6
>>> truth = lpzero.Truth.open("tiny")
>>> len(truth)
200
"""

from __future__ import annotations

from . import executors
from ._lpzero import LpzeroError, Proxy, Trace
from .errors import LpzeroWarning
from .networks import compare, nas, score, traces
from .proxies import named_proxies
from .ranking import rank
from .report import Report
from .run import Run, search
from .table import Table
from .truth import Truth

__all__ = [
    "LpzeroError",
    "LpzeroWarning",
    "Proxy",
    "ProxySearch",
    "Report",
    "Run",
    "Table",
    "Trace",
    "Truth",
    "compare",
    "executors",
    "named_proxies",
    "nas",
    "rank",
    "score",
    "search",
    "traces",
]


def __getattr__(name: str) -> object:
    # Estimators are made of scikit-learn where it is there; importing that takes a second.
    if name == "ProxySearch":
        from .estimator import ProxySearch

        return ProxySearch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
