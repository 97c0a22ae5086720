from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from typing_extensions import Buffer

__all__ = [
    "LpzeroError", "Proxy", "Recording", "Trace", "Truth", "Whole", "arrow_stream",
    "common_positions", "common_positions_of", "compare", "default_search", "engine_scores",
    "engine_trace", "keep_rows", "masked_positions", "missing_rows", "moments", "named_proxies",
    "nas", "page", "pair_moments", "rank", "roles", "scalars", "score", "search", "sketch",
    "symbols", "traces",
]

class LpzeroError(ValueError): ...

_Progress = Callable[[float, float, str], object]
_Moments = Sequence[float]

@final
class Proxy:
    """A named proxy, or a formula such as `sum[ffn](sum(abs(W * G)))`."""

    def __new__(cls, text: str) -> Proxy: ...
    @property
    def name(self) -> str: ...
    @property
    def sign(self) -> int: ...
    @property
    def formula(self) -> str: ...
    @property
    def complexity(self) -> int: ...
    @property
    def reads(self) -> list[str]: ...
    @property
    def needs_network(self) -> bool: ...
    @property
    def needs_loss(self) -> bool: ...
    @property
    def needs_whole_tensors(self) -> bool: ...
    @property
    def further_passes(self) -> list[str]: ...
    def latex(self) -> str: ...
    def _repr_latex_(self) -> str: ...
    def __reduce__(self) -> tuple[type[Proxy], tuple[str]]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Trace:
    """What one pass over a network left: every formula is evaluated on it."""

    @property
    def scalars(self) -> dict[str, float]: ...
    @property
    def tensors(self) -> list[dict[str, Any]]: ...
    def sample(
        self, layer: int | None, role: str, index: int, symbol: str
    ) -> tuple[list[float], list[float]]: ...
    def score(self, proxy: Proxy) -> tuple[float, str | None]: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> Trace: ...
    def __reduce__(self) -> tuple[Callable[[bytes], Trace], tuple[bytes]]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Recording:
    def __new__(cls) -> Recording: ...
    def tensor(
        self,
        layer: int | None,
        role: str,
        index: int,
        symbol: str,
        shape: Sequence[int],
        moments: _Moments,
        points: Buffer,
        fibres: Buffer,
    ) -> None: ...
    def saliency(self, layer: int | None, role: str, index: int, moments: _Moments) -> None: ...
    def finish(self, scalars: Mapping[str, float]) -> Trace: ...

@final
class Whole:
    def __new__(cls, proxies: Sequence[Proxy]) -> Whole: ...
    def wants(self, layer: int | None, role: str, index: int, symbol: str) -> bool: ...
    def tensor(
        self,
        layer: int | None,
        role: str,
        index: int,
        symbol: str,
        shape: Sequence[int],
        data: Buffer,
    ) -> None: ...
    def parameter(
        self,
        layer: int | None,
        role: str,
        index: int,
        shape: Sequence[int],
        weight: Buffer,
        gradient: Buffer,
    ) -> None: ...
    def flow(
        self,
        layer: int | None,
        role: str,
        index: int,
        shape: Sequence[int],
        weight: Buffer,
        gradient: Buffer,
    ) -> None: ...
    def finish(self, scalars: Mapping[str, float]) -> list[tuple[float, str | None]]: ...

@final
class Truth:
    @staticmethod
    def open(
        name: str | Path,
        *,
        data: Sequence[Path],
        reading: str,
        score_column: str | None = None,
        lower_is_better: bool = False,
        skip_missing: bool = False,
    ) -> Truth: ...
    @staticmethod
    def from_lines(
        name: str,
        lines: str,
        score_column: str | None,
        lower_is_better: bool,
        skip_missing: bool,
    ) -> Truth: ...
    @staticmethod
    def of_traces(
        name: str, ids: Sequence[str], scores: Sequence[float], traces: Sequence[Trace]
    ) -> Truth: ...
    def described(self, rows: Sequence[int]) -> list[str]: ...
    def up_to(self, parameters: float) -> Truth: ...
    @property
    def name(self) -> str: ...
    @property
    def ids(self) -> list[str]: ...
    @property
    def scores(self) -> list[float]: ...
    @property
    def remarks(self) -> list[str]: ...
    def __len__(self) -> int: ...

def named_proxies() -> list[dict[str, Any]]: ...
def roles() -> list[str]: ...
def symbols() -> list[str]: ...
def scalars() -> list[str]: ...
def sketch(shape: Sequence[int]) -> tuple[bytes, bytes, int]: ...
def arrow_stream(
    columns: Sequence[tuple[str, Sequence[Any]]], requested_schema: object | None = None
) -> object: ...
def default_search() -> tuple[Sequence[float], str, str]: ...
def page(name: str, document: str, folder: Path | None) -> tuple[str, str]: ...
def search(
    truths: Sequence[Truth],
    hold_out: Sequence[Truth],
    bench: str,
    wanted: str,
    journal: Path | None,
    progress: _Progress | None,
    warn: Callable[[str], object] | None,
) -> tuple[str, str]: ...
def rank(
    truth: Truth,
    proxies: Sequence[Proxy],
    bench: str,
    split: Sequence[int] | None,
    seed: int,
    exact: bool,
    progress: _Progress | None,
    warn: Callable[[str], object] | None,
) -> str: ...
def score(
    architectures: Sequence[Mapping[str, object]],
    proxies: Sequence[Proxy],
    bench: str,
    seeded: bool,
    progress: _Progress | None,
    warn: Callable[[str], object] | None,
) -> tuple[list[str], list[list[float]], list[tuple[str, str]]]: ...
def traces(
    architectures: Sequence[Mapping[str, object]],
    bench: str,
    seeded: bool,
    init: int,
    progress: _Progress | None,
    warn: Callable[[str], object] | None,
) -> list[Trace]: ...
def common_positions(truths: Sequence[Truth]) -> int | None: ...
def common_positions_of(architectures: Sequence[Mapping[str, object]]) -> int: ...
def keep_rows(
    truth: Truth, rows: Sequence[int], traces: Sequence[Trace], bench: str, init: int
) -> None: ...
def missing_rows(truth: Truth, bench: str, init: int) -> list[int]: ...
def compare(
    architectures: Sequence[Mapping[str, object]],
    proxy: Proxy,
    bench: str,
    progress: _Progress | None,
    warn: Callable[[str], object] | None,
) -> str: ...
def nas(
    space: str | Path,
    proxy: Proxy,
    bounds: Sequence[tuple[str, float, float]],
    evaluations: int,
    seed: int,
    bench: str,
    progress: _Progress | None,
    warn: Callable[[str], object] | None,
) -> str: ...

_Nine = tuple[float, float, float, float, float, float, float, float, float]

def moments(data: Any, turned: bool, threads: int) -> _Nine: ...
def pair_moments(
    left: Any, right: Any, turned: bool, threads: int
) -> tuple[_Nine, _Nine, _Nine]: ...
def masked_positions(batch: int, positions: int, seed: int) -> list[int]: ...
def engine_trace(
    folder: str | Path, tokens: Sequence[Sequence[int]], objective: str | None = None
) -> Trace: ...
def engine_scores(
    folder: str | Path,
    tokens: Sequence[Sequence[int]],
    proxies: Sequence[Proxy],
    objective: str | None = None,
) -> list[tuple[float, str | None]]: ...
