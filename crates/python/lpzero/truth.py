"""Ground truths: networks with the scores that they reached once trained."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from . import _lpzero
from ._lpzero import LpzeroError, Trace
from .bench import data_folders
from .errors import warn


class Truth:
    """Networks with trained scores; larger scores are better, whatever was measured.

    Made by :meth:`open`, :meth:`from_table` or :meth:`from_traces`.
    """

    def __init__(self, inner: _lpzero.Truth):
        self._inner = inner

    @classmethod
    def open(
        cls,
        name: str | os.PathLike[str],
        *,
        score: str | None = None,
        lower_is_better: bool = False,
        skip_missing: bool = False,
        reading: str = "as-trained",
    ) -> Truth:
        """A built-in or published ground truth by name, or one by path.

        Built in are ``tiny``, ``openlm`` and ``gemstones`` (``gemstones@10B`` chooses a
        budget of tokens). ``score`` names the column of a table or the task.

        Raises :class:`LpzeroError`, naming file, row and key.
        """
        inner = _lpzero.Truth.open(
            os.fspath(name),
            data=data_folders(),
            reading=reading,
            score_column=score,
            lower_is_better=lower_is_better,
            skip_missing=skip_missing,
        )
        return cls._told(inner)

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        score: str | None = None,
        lower_is_better: bool = False,
        skip_missing: bool = False,
        name: str = "table",
    ) -> Truth:
        """A table with a row per network: a data frame, rows of dicts, or a file.

        One column is the architecture (``architecture``, ``config`` or ``path``): a
        description as dict or JSON, or the path of one. ``id`` may name the rows.
        Takes pandas, polars, pyarrow, an iterable of mappings, or a path (CSV, TSV,
        JSON Lines).
        """
        if isinstance(table, str | os.PathLike):
            return cls.open(
                table, score=score, lower_is_better=lower_is_better, skip_missing=skip_missing
            )
        lines = "\n".join(json.dumps(_plain(row), default=_number) for row in _rows(table))
        inner = _lpzero.Truth.from_lines(name, lines, score, lower_is_better, skip_missing)
        return cls._told(inner)

    @classmethod
    def from_traces(
        cls,
        traces: Iterable[Trace],
        scores: Iterable[float],
        ids: Iterable[str] | None = None,
        *,
        lower_is_better: bool = False,
        name: str = "traces",
    ) -> Truth:
        """One's own trained networks: a trace of each (:func:`lpzero.torch.trace`) and its score.

        ``scores`` are turned where ``lower_is_better``, as for a loss.
        """
        traces = list(traces)
        sign = -1.0 if lower_is_better else 1.0
        turned = [sign * float(score) for score in scores]
        names = [str(i) for i in range(len(traces))] if ids is None else [str(i) for i in ids]
        return cls(_lpzero.Truth.of_traces(name, names, turned, traces))

    @classmethod
    def _told(cls, inner: _lpzero.Truth) -> Truth:
        for remark in inner.remarks:
            warn(remark)
        return cls(inner)

    def up_to(self, parameters: float) -> Truth:
        """The ground truth without networks of more parameters."""
        return Truth(self._inner.up_to(parameters))

    @property
    def name(self) -> str:
        """Name of the ground truth."""
        return self._inner.name

    @property
    def ids(self) -> list[str]:
        """Names of the networks."""
        return self._inner.ids

    @property
    def scores(self) -> list[float]:
        """Trained scores; larger is better."""
        return self._inner.scores

    def __len__(self) -> int:
        return len(self._inner)

    def __repr__(self) -> str:
        return repr(self._inner)


#: A ground truth, or the name or path of one.
AnyTruth: TypeAlias = Truth | str | os.PathLike[str]


def truth(given: AnyTruth) -> Truth:
    """The ground truth that is meant."""
    return given if isinstance(given, Truth) else Truth.open(given)


def truths(given: AnyTruth | Iterable[AnyTruth]) -> list[Truth]:
    """The ground truths that are meant, one or several."""
    if isinstance(given, Truth | str | os.PathLike):
        return [truth(given)]
    return [truth(one) for one in given]


def _rows(table: Any) -> Sequence[Mapping[str, Any]]:
    """Rows of whatever is a table."""
    for method in ("to_pylist", "to_dicts"):  # pyarrow, polars
        if hasattr(table, method):
            rows: list[Mapping[str, Any]] = getattr(table, method)()
            return rows
    if hasattr(table, "to_dict") and hasattr(table, "columns"):  # pandas
        records: list[Mapping[str, Any]] = table.to_dict("records")
        return records
    if hasattr(table, "__arrow_c_stream__"):
        import pyarrow

        listed: list[Mapping[str, Any]] = pyarrow.table(table).to_pylist()
        return listed
    rows = list(table)
    if not all(isinstance(row, Mapping) for row in rows):
        raise LpzeroError("table: expected a data frame, an Arrow table, or rows of dicts")
    return rows


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: paths are text, and what is not a number is nothing."""
    return {str(key): _cell(value) for key, value in row.items()}


def _cell(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and value != value:
        return None
    return value


def _number(value: Any) -> Any:
    """Numbers of numpy and torch."""
    if hasattr(value, "item"):
        return value.item()
    raise LpzeroError(f"table: {type(value).__name__} is neither a number, a text nor a dict")
