"""Searches for a proxy, and what they found."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from . import _lpzero, elsewhere
from ._lpzero import LpzeroError, Proxy
from .bench import bench
from .errors import warn
from .executors import Executor
from .progress import Progress, shown
from .report import Report
from .table import Table
from .truth import AnyTruth, Truth, truth, truths

_REPORT = "report.json"
_SETTINGS = "python.json"
_JOURNAL = "journal"


class Run:
    """A finished search. ``best`` is the proxy that was chosen; its figures are those of
    networks that took no part in the choice."""

    def __init__(
        self,
        document: dict[str, Any],
        folder: Path | None = None,
        pictured: dict[str, Any] | None = None,
    ):
        self._document = document
        self._pictured = pictured or {}
        #: Where the run is kept, if anywhere.
        self.folder = folder

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Run:
        """A finished run of :func:`search` or of the command ``lpzero search --out``."""
        path = Path(folder) / _REPORT
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")), Path(folder))
        except FileNotFoundError:
            raise LpzeroError(f"{path}: not there; expected the folder of a finished run") from None
        except ValueError as error:
            raise LpzeroError(f"{path}: not a report: {error}") from None

    @property
    def best(self) -> Proxy:
        """The proxy that was chosen."""
        return Proxy(self._document["best"]["formula"])

    @property
    def front(self) -> Table:
        """Formulas that none beats in both accuracy and size."""
        return Table(self._document.get("front", []))

    @property
    def test(self) -> dict[str, Any]:
        """Figures of the best proxy on the networks that were left for the test."""
        figures: dict[str, Any] = self._document["test"]
        return figures

    @property
    def held_out(self) -> Table:
        """The best proxy on ground truths that took no part."""
        return Table(self._document.get("held_out", []))

    def report(self) -> Report:
        """Everything, as ``lpzero search --json`` has it: a dictionary that a notebook shows as
        a page of pictures and tables, and :meth:`Report.save` writes."""
        return Report(self._document, self.folder, self._pictured)

    def __repr__(self) -> str:
        tau = self.test.get("tau")
        shown = "no test networks" if tau is None else f"test tau {tau:.3f}"
        return f"Run({str(self.best)!r}, {shown})"


def search(
    given: AnyTruth | Iterable[AnyTruth] | None = None,
    *,
    method: str | None = None,
    seed: int = 0,
    init_seed: int | None = None,
    hold_out: AnyTruth | Iterable[AnyTruth] = (),
    split: tuple[int, int] | None = None,
    up_to: float | None = None,
    fitness: str | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    batch: int = 4,
    positions: int | None = None,
    objective: str | None = None,
    memory: int | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: Progress | bool | None = None,
) -> Run:
    """Search for a proxy, and say honestly how good it is.

    Without a ground truth: real decoders (``openlm``) of up to 50M parameters are searched,
    larger ones are the test, ``gemstones`` is held out. ``method`` is ``transfer`` there and
    for several ground truths, ``powers`` for one; ``gp``, ``random`` and ``exhaustive`` are
    the others. ``split`` = (search, validation) sizes; ``up_to`` searches on networks of so
    many parameters and tests on larger ones. ``evaluations`` or ``seconds`` bound the work.

    With ``out``, results are kept in that folder: the same call goes on where it was
    stopped, and returns at once where it had ended. Ctrl-C stops within a second.

    An ``executor`` runs the networks (:mod:`lpzero.executors`); formulas are evaluated here.
    What it found is kept in ``cache``, and the run is the same to the bit.

    Raises :class:`LpzeroError` for what cannot be used, :class:`KeyboardInterrupt` when
    stopped.
    """
    searched, kept_out, method, up_to = _asked(given, hold_out, method, split, up_to)
    # Traces that were made elsewhere are read from a cache.
    place = tempfile.TemporaryDirectory() if executor is not None and cache is None else None
    settings = bench(
        threads=threads,
        cache=cache if place is None else place.name,
        seed=seed if init_seed is None else init_seed,
        batch=batch,
        positions=positions,
        objective=objective,
        memory=memory,
    )
    wanted = json.dumps(
        {
            "method": method,
            "seed": seed,
            "split": None if split is None else list(split),
            "up_to": up_to,
            "fitness": fitness,
            "evaluations": evaluations,
            "seconds": seconds,
            "tolerance": None,
        }
    )
    folder = None if out is None else Path(out)
    if folder is not None:
        said = json.dumps({**json.loads(settings), "cache": None if cache is None else os.fspath(cache)})
        finished = _begin(folder, [said, wanted, *_said(searched), *_said(kept_out)])
        if finished is not None:
            return finished
    with shown(progress) as show, place or nullcontext():
        if executor is not None:
            further = [(1, up_to)] if method == "transfer" else []
            elsewhere.fill(executor, searched, settings, [(0, None), *further], show)
            elsewhere.fill(executor, kept_out, settings, [(0, None)], show)
        document, pictured = _lpzero.search(
            [one._inner for one in searched],
            [one._inner for one in kept_out],
            settings,
            wanted,
            None if folder is None else folder / _JOURNAL,
            show,
            warn,
        )
    if folder is not None:
        for name, what in json.loads(pictured).items():
            (folder / f"{name}.json").write_text(json.dumps(what), encoding="utf-8")
        # Beside its place, then renamed: a report is there whole or not at all.
        partial = folder / f".{_REPORT}.partial"
        partial.write_text(document, encoding="utf-8")
        partial.replace(folder / _REPORT)
    return Run(json.loads(document), folder, json.loads(pictured))


def _asked(
    given: AnyTruth | Iterable[AnyTruth] | None,
    hold_out: AnyTruth | Iterable[AnyTruth],
    method: str | None,
    split: tuple[int, int] | None,
    up_to: float | None,
) -> tuple[list[Truth], list[Truth], str, float | None]:
    """What is searched and held out, how, and up to which size."""
    kept_out = truths(hold_out)
    if given is not None:
        searched = truths(given)
        return searched, kept_out, method or ("transfer" if len(searched) > 1 else "powers"), up_to
    (small, tested, judged), name, other = _lpzero.default_search()
    chosen = method or "transfer"
    searched = [truth(name).up_to(tested)]
    if chosen == "transfer" and not kept_out:
        kept_out = [truth(other).up_to(judged)]
    limit = small if up_to is None and split is None else up_to
    return searched, kept_out, chosen, limit


def _said(given: list[Truth]) -> list[object]:
    return [[one.name, one.ids, one.scores] for one in given]


def _begin(folder: Path, inputs: list[object]) -> Run | None:
    """A new folder, or one of the same search; its run where that has ended."""
    settings = folder / _SETTINGS
    said = json.dumps(inputs)
    if folder.exists():
        if not settings.exists():
            raise LpzeroError(f"out={str(folder)!r}: exists, and is no run of lpzero.search")
        if settings.read_text(encoding="utf-8") != said:
            raise LpzeroError(
                f"out={str(folder)!r}: a run of other settings or ground truths; "
                "expected a new folder, or the same call"
            )
        return Run.open(folder) if (folder / _REPORT).exists() else None
    folder.mkdir(parents=True)
    settings.write_text(said, encoding="utf-8")
    return None
