"""Work on other processes and machines: any ``concurrent.futures`` executor, Ray, Dask.

What lpzero computes of a network is a pure function of its inputs, so it does not matter who
does it: the result is the same to the bit. Two ways:

- ``executor=`` of :func:`lpzero.score`, :func:`lpzero.traces` and :func:`lpzero.search` gives
  networks to an executor;
- :func:`run` gives the shares of a whole command (``truth build``, ``score``, ``ablate``,
  ``search --method exhaustive``) to one. A driver that is killed goes on where it stopped.
  From a shell: ``python -m lpzero.cluster --ray auto --out big -- truth build``.

Dask has an executor of its own: ``client.get_executor()``. Ray's is :class:`Ray`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ._lpzero import LpzeroError
from .errors import warn
from .progress import Progress, shown

__all__ = ["Executor", "Lost", "Ray", "run", "work"]

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Tasks that wait or run at once for every processor, so that none is idle.
_AHEAD = 2
#: How often a task is given again that was lost with its worker.
RETRIES = 3


class Executor(Protocol):
    """What ``concurrent.futures.Executor`` and its like have."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Begin a call somewhere."""
        ...


class Ray:
    """An executor of `Ray <https://docs.ray.io>`_, which must be installed.

    ``address`` is that of a cluster (``"auto"``, ``"ray://head:10001"``); ``None`` begins one
    here, or takes the one that this process is connected to. A task has ``num_cpus``
    processors and ``num_gpus`` devices, and further ``options`` of ``ray.remote``. A task
    that is lost with its node is done again by Ray, ``max_retries`` times.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        num_cpus: float = 1,
        num_gpus: float = 0,
        max_retries: int = RETRIES,
        **options: Any,
    ):
        import ray

        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False)
        self._call = ray.remote(
            num_cpus=num_cpus, num_gpus=num_gpus, max_retries=max_retries, **options
        )(_called)
        self._ray = ray

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Begin a call on the cluster."""
        future: Future[Any] = self._call.remote(function, arguments).future()
        return future

    @property
    def processors(self) -> int:
        """Processors of the cluster."""
        resources: dict[str, float] = self._ray.cluster_resources()  # type: ignore[no-untyped-call]
        return int(resources.get("CPU", 1))


def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def work(
    executor: Executor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    in_flight: int | None = None,
    retries: int = RETRIES,
) -> Iterator[tuple[int, Result]]:
    """Results as they come, each with the place of its item.

    At most ``in_flight`` tasks wait or run, so that millions of items take no memory. A task
    whose worker was lost is given again, ``retries`` times; an error of the work itself ends
    it.
    """
    most = in_flight or _AHEAD * _processors(executor)
    left = enumerate(items)
    waiting: dict[Future[Result], tuple[int, Item, int]] = {}

    def give(place: int, item: Item, again: int) -> None:
        waiting[executor.submit(function, item)] = (place, item, again)

    try:
        while True:
            while len(waiting) < most:
                following = next(left, None)
                if following is None:
                    break
                give(*following, 0)
            if not waiting:
                return
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                place, item, again = waiting.pop(future)
                try:
                    result = future.result()
                except (Exception, CancelledError) as error:
                    if again >= retries or not _is_lost(error):
                        raise
                    warn(f"task {place} was lost ({type(error).__name__}) and is done again")
                    give(place, item, again + 1)
                else:
                    yield place, result
    finally:
        for future in waiting:
            future.cancel()


class Lost(RuntimeError):
    """A process that ended before its work did."""


def _is_lost(error: BaseException) -> bool:
    """Whether a worker went, rather than that its work went wrong."""
    if isinstance(error, (BrokenExecutor, CancelledError, ConnectionError, Lost)):
        return True
    module = type(error).__module__
    # Dask's own errors are of workers: what a task raised comes as it was.
    if module.startswith("distributed."):
        return True
    if not module.startswith("ray."):
        return False
    # Ray wraps what a task raised; its other errors are of workers, nodes, and objects.
    cause = getattr(error, "cause", None)
    return _is_lost(cause) if isinstance(cause, BaseException) else True


def _processors(executor: Executor) -> int:
    for name in ("processors", "_max_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return os.cpu_count() or 1


def chunks(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Parts of a list, each of so many items at most."""
    return [items[start : start + size] for start in range(0, len(items), size)]


_DRIVER = "driver.json"
_CONFIGURATION = "configuration.json"


def run(
    command: Sequence[str],
    out: str | os.PathLike[str],
    executor: Executor,
    *,
    shards: int = 64,
    threads: int = 1,
    in_flight: int | None = None,
    retries: int = RETRIES,
    progress: Progress | bool | None = None,
) -> dict[str, Any]:
    """Run a command of ``lpzero`` in shares, and return its JSON document.

    ``command`` has neither ``--out`` nor ``--json``, such as ``["truth", "build", "--plan",
    "plan.json"]``. Workers need the package, and the files that the command names. They
    write nothing here: each sends its journal, and this process, the only writer, puts it
    into ``out`` and the shares together in the end. Killed, the same call goes on: shares
    that are there are not done again.
    """
    folder = Path(out)
    _join(folder, {"command": list(command), "shards": shards})
    missing = [number for number in range(1, shards + 1) if not _journals(folder, number, shards)]
    tasks = [(list(command), number, shards, threads) for number in missing]
    with shown(progress) as show:
        done = shards - len(missing)
        for _, files in work(executor, _share, tasks, in_flight=in_flight, retries=retries):
            _keep(folder, files)
            done += 1
            if show is not None:
                show(done, shards, f"{done} of {shards} shares")
    words = [word for word in command[:2] if not word.startswith("-")]
    subcommand = words if words[:1] == ["truth"] else words[:1]
    document: dict[str, Any] = json.loads(_lpzero([*subcommand, "--resume", str(folder), "--json"]))
    return document


def _join(folder: Path, said: dict[str, Any]) -> None:
    """A new folder, or that of the same call."""
    driver = folder / _DRIVER
    if driver.exists():
        if json.loads(driver.read_text(encoding="utf-8")) != said:
            raise LpzeroError(
                f"out={str(folder)!r}: a run of another command or another number of shares; "
                "expected a new folder, or the same call"
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise LpzeroError(f"out={str(folder)!r}: exists, and is no run of lpzero.executors.run")
    folder.mkdir(parents=True, exist_ok=True)
    _write(driver, json.dumps(said).encode())


def _journals(folder: Path, number: int, of: int) -> list[Path]:
    return list(folder.glob(f"*/shard-{number}-of-{of}"))


def _share(task: tuple[list[str], int, int, int]) -> dict[str, bytes]:
    """Does one share in a folder of its own: what it wrote, by path."""
    command, number, of, threads = task
    with tempfile.TemporaryDirectory(prefix="lpzero-") as place:
        folder = Path(place) / "run"
        share = ["--out", str(folder), "--shard", f"{number}/{of}", "--threads", str(threads)]
        _lpzero([*command, *share, "--quiet", "--json"])
        wanted = [folder / _CONFIGURATION, *_journals(folder, number, of)]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in wanted}


def _keep(folder: Path, files: dict[str, bytes]) -> None:
    """Writes what a share sent, its journal last and whole or not at all."""
    for name, data in files.items():
        path = folder / name
        if name == _CONFIGURATION and path.exists():
            if json.loads(path.read_bytes()) != json.loads(data):
                raise LpzeroError(f"{path}: shares of different runs; do the workers see the same files?")
            continue
        path.parent.mkdir(exist_ok=True)
        _write(path, data)


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _lpzero(arguments: list[str]) -> str:
    """Runs the command that came with the package: what it prints."""
    line = [sys.executable, "-m", "lpzero", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.strip().splitlines()
    message = next((text for text in said if text.startswith("lpzero: ")), "")
    if done.returncode == 2:
        raise LpzeroError(message.removeprefix("lpzero: "))
    # Killed, or a full disk: the worker's fault, so that it is worth another try.
    raise Lost(f"lpzero {arguments[0]} ended with status {done.returncode}: {done.stderr[-400:]}")
