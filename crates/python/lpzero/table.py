"""Rows that every table library takes."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from . import _lpzero


#: As much as a terminal shows.
_MOST_ROWS, _MOST_WIDTH, _MOST_CELL = 20, 120, 48


class Table(Sequence[Mapping[str, Any]]):
    """Rows with named columns.

    A row is a mapping; ``table["tau"]`` is a column as a list. pandas, polars and
    pyarrow take it as it is, since it speaks Arrow's stream protocol:
    ``polars.DataFrame(table)``, ``pyarrow.table(table)``, ``table.to_pandas()``.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], notes: Mapping[str, str] | None = None):
        self._rows = [dict(row) for row in rows]
        #: What a reader has to know of a column, such as why a score is not finite.
        self.notes = dict(notes or {})
        names: dict[str, None] = {}
        for row in self._rows:
            names.update(dict.fromkeys(row))
        self._names = list(names)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._names)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._rows)

    @overload
    def __getitem__(self, key: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, key: slice) -> Table: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, str):
            if key not in self._names:
                raise KeyError(f"{key}: expected one of {', '.join(self._names)}")
            return [row.get(key) for row in self._rows]
        if isinstance(key, slice):
            return Table(self._rows[key], self.notes)
        return self._rows[key]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        columns = [(name, [_flat(row.get(name)) for row in self._rows]) for name in self._names]
        return _lpzero.arrow_stream(columns, requested_schema)

    def to_pandas(self) -> Any:
        """The table as a data frame of pandas, which must be installed."""
        import pandas

        return pandas.DataFrame({name: self[name] for name in self._names})

    def __repr__(self) -> str:
        rows = self._rows[:_MOST_ROWS]
        lines = [self._names, *([_short(row.get(name)) for name in self._names] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self._names))]
        wide = 0
        columns = 0
        while columns < len(widths) and wide + widths[columns] <= _MOST_WIDTH:
            wide += widths[columns] + 2
            columns += 1
        shown = ["  ".join(c.ljust(w) for c, w in zip(line[:columns], widths)) for line in lines]
        rest = [f"... {len(self._rows)} rows in all"] if len(rows) < len(self._rows) else []
        more = self._names[columns:]
        rest += [f"... and {', '.join(more)}"] if more else []
        notes = [f"{name}: {note}" for name, note in self.notes.items()]
        return "\n".join([*(line.rstrip() for line in shown), *rest, *notes])

    def _repr_html_(self) -> str:
        def line(cells: Iterable[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        rows = (line((_text(row.get(name)) for name in self._names), "td") for row in self._rows)
        return f"<table>{line(self._names, 'th')}{''.join(rows)}</table>"


def _flat(value: Any) -> Any:
    """A cell that Arrow's simple columns take: what has parts is text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return " to ".join(_text(part) for part in value)
    return str(value)


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= _MOST_CELL else text[: _MOST_CELL - 3] + "..."
