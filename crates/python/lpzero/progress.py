"""Progress of long work: a bar where somebody looks, a call where somebody listens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

#: Called with the share that is done, the total (1.0), and a message.
Progress: TypeAlias = Callable[[float, float, str], object]


@contextmanager
def shown(progress: Progress | bool | None) -> Iterator[Progress | None]:
    """What the extension is to call: the caller's own, a bar, or nothing.

    ``None`` shows a bar of tqdm on a terminal or in a notebook, where tqdm is
    installed; ``True`` wants one anywhere, ``False`` none.
    """
    if callable(progress):
        yield progress
        return
    bar = _bar() if progress or (progress is None and _somebody_looks()) else None
    if bar is None:
        yield None
        return
    shown_so_far = 0.0

    def show(done: float, total: float, message: str) -> None:
        nonlocal shown_so_far
        if done < shown_so_far:
            bar.reset()
        bar.set_description_str(message[:80], refresh=False)
        bar.update(round(done / total, 4) - bar.n)
        shown_so_far = done

    try:
        yield show
    finally:
        bar.close()


def _somebody_looks() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _bar() -> Any | None:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    return tqdm(total=1.0, leave=False, bar_format=form)
