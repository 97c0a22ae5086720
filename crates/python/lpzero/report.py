"""A run as a page: in a notebook, or in a file."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Container
from pathlib import Path
from typing import Any

from . import _lpzero


class Report(dict[str, Any]):
    """Everything that a run found, as ``lpzero search --json`` has it. A notebook shows it as
    the page that ``lpzero report`` writes; nothing is fetched."""

    def __init__(
        self, document: dict[str, Any], folder: Path | None, pictured: dict[str, Any]
    ) -> None:
        super().__init__(document)
        self._folder = folder
        self._pictured = pictured

    def _page(self) -> tuple[str, str]:
        on_disk = self._folder is not None and (self._folder / "report.json").exists()
        name = "run" if self._folder is None else self._folder.name
        document = json.dumps({**self, **self._pictured})
        return _lpzero.page(name, document, self._folder if on_disk else None)

    @property
    def html(self) -> str:
        """The page, one file that needs no network."""
        return self._page()[0]

    @property
    def specifications(self) -> dict[str, Any]:
        """The pictures as specifications of Vega-Lite with their data, by title."""
        return dict(json.loads(self._page()[1]))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the page to a file."""
        target = Path(path)
        target.write_text(self.html, encoding="utf-8")
        return target

    def _repr_mimebundle_(
        self,
        include: Container[str] | None = None,
        exclude: Container[str] | None = None,
    ) -> dict[str, str]:
        # A frame of its own, whose policy lets nothing in or out.
        frame = (
            '<iframe title="Report of a run" sandbox="allow-scripts allow-downloads" '
            'style="width:100%;height:48rem;border:0" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )
        return {"text/html": frame, "text/plain": repr(dict(self))}
