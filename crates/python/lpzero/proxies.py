"""Proxies as users name them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from . import _lpzero
from ._lpzero import Proxy
from .table import Table

#: A named proxy, a formula, or either as an object.
AnyProxy: TypeAlias = Proxy | str


def proxy(given: AnyProxy) -> Proxy:
    """The proxy that is meant."""
    return given if isinstance(given, Proxy) else Proxy(given)


def proxies(given: AnyProxy | Iterable[AnyProxy]) -> list[Proxy]:
    """The proxies that are meant, one or several."""
    if isinstance(given, Proxy | str):
        return [proxy(given)]
    return [proxy(one) for one in given]


def named_proxies() -> Table:
    """Every named proxy: formula, sign, definition, source, and our reading of it."""
    return Table(_lpzero.named_proxies())
