"""Work elsewhere: the same to the bit, whoever does it and whatever happens to them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest

import lpzero
from lpzero import executors

NETWORKS = [
    {"model_type": "gpt2", "n_layer": layers, "n_head": 2, "n_embd": width, "n_positions": 32, "vocab_size": 64}
    for layers in range(1, 5)
    for width in (8, 16, 24, 32, 48)
]
SMALL = ["--batch", "1", "--positions", "8"]
SCORE = ["score", "--truth", "tiny", "--proxy", "snip", *SMALL]
BUILD = ["truth", "build", "--architectures", "5", "--seeds", "2", "--steps", "2"]
EXHAUSTIVE = [
    "search", "--truth", "tiny", "--up-to", "60k", "--split", "10/6", "--method", "exhaustive",
    "--n-unary", "1", "--aggregate", "mean", *SMALL,
]  # fmt: skip


def whole(command: list[str]) -> object:
    """The document of a command in one process."""
    line = [sys.executable, "-m", "lpzero", *command, "--json", "--quiet"]
    return json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)


def plain(document: object) -> object:
    """A document without what is measured, and without its place."""
    measured = {"seconds", "training_seconds", "path", "command", "provenance", "machine"}
    if isinstance(document, dict):
        return {key: plain(value) for key, value in document.items() if key not in measured}
    if isinstance(document, list):
        return [plain(value) for value in document]
    return document


def entries(run: Path) -> str:
    """The entries of a built ground truth, as bytes have them, without seconds."""
    return json.dumps(plain(json.loads((run / "truth.json").read_text())["entries"]))


@pytest.fixture(scope="module")
def processes():
    # Forked processes of a process with threads may hang.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


def test_scores_and_traces_are_those_of_one_process(processes: Executor) -> None:
    here = lpzero.score(NETWORKS, ["snip", "naswot", "params"], batch=2)
    there = lpzero.score(NETWORKS, ["snip", "naswot", "params"], batch=2, executor=processes)
    assert list(here) == list(there)
    assert lpzero.traces(NETWORKS, batch=2) == lpzero.traces(NETWORKS, batch=2, executor=processes)


def test_a_score_that_is_not_finite_says_why_there_too(processes: Executor) -> None:
    here = lpzero.score(NETWORKS, ["naswot / (params - params)"], batch=1)
    there = lpzero.score(NETWORKS, ["naswot / (params - params)"], batch=1, executor=processes)
    assert here.notes and here.notes == there.notes


def test_a_search_is_that_of_one_process(processes: Executor, tmp_path: Path) -> None:
    for method in ("powers", "transfer"):
        asked = {"method": method, "up_to": 60_000, "batch": 2, "positions": 8}
        truth = lpzero.Truth.open("tiny").up_to(80_000)
        here = lpzero.search(truth, **asked)
        there = lpzero.search(truth, **asked, executor=processes, cache=tmp_path / method)
        assert plain(dict(here.report())) == plain(dict(there.report()))
    # What was found elsewhere is kept, and not asked for again.
    assert lpzero.search(truth, **asked, executor=Refusing(), cache=tmp_path / method)


class Refusing:
    """An executor that nothing may be given to."""

    def submit(self, *_: object) -> object:
        raise AssertionError("there is nothing to do")


@pytest.mark.parametrize("command", [SCORE, BUILD, EXHAUSTIVE], ids=["score", "build", "exhaustive"])
def test_shares_of_a_command_are_the_command(command: list[str], tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = executors.run(command, tmp_path / "run", pool, shards=5)
    expected = whole([*command, "--out", str(tmp_path / "whole")])
    assert plain(found) == plain(expected)
    if command is BUILD:
        assert entries(tmp_path / "run") == entries(tmp_path / "whole")


def test_shares_from_a_shell(tmp_path: Path) -> None:
    def shell(command: list[str], out: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "lpzero.cluster", "--out", str(tmp_path / out), "--shards", "3", "--"]
        return subprocess.run([*line, *command], capture_output=True, text=True, check=False)

    found = shell(SCORE, "run")
    assert found.returncode == 0, found.stderr
    assert plain(json.loads(found.stdout)) == plain(whole(SCORE))
    wrong = shell([*SCORE, "--proxy", "snap"], "wrong")
    assert wrong.returncode == 2 and wrong.stderr.startswith("lpzero: "), wrong.stderr


def test_another_command_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        executors.run(SCORE, tmp_path / "run", pool, shards=2)
        with pytest.raises(lpzero.LpzeroError, match="another command"):
            executors.run(BUILD, tmp_path / "run", pool, shards=2)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("mine")
        with pytest.raises(lpzero.LpzeroError, match="no run"):
            executors.run(SCORE, tmp_path / "mine", pool, shards=2)
        with pytest.raises(lpzero.LpzeroError, match="unknown"):
            executors.run(["score", "--truth", "tiny", "--proxy", "snap"], tmp_path / "wrong", pool, shards=2)


def _once(task: tuple[Path, int]) -> int:
    """Fails as a lost worker does, the first time."""
    folder, number = task
    mark = folder / str(number)
    if number % 3 == 0 and not mark.exists():
        mark.touch()
        raise BrokenProcessPool("the worker is gone")
    return number * number


def _never(_: object) -> None:
    raise lpzero.LpzeroError("wrong input")


def test_what_was_lost_is_done_again_and_what_is_wrong_is_not(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool, pytest.warns(lpzero.LpzeroWarning, match="was lost"):
        found = dict(executors.work(pool, _once, [(tmp_path, n) for n in range(10)]))
    assert found == {n: n * n for n in range(10)}
    with ThreadPoolExecutor(2) as pool, pytest.raises(lpzero.LpzeroError, match="wrong input"):
        list(executors.work(pool, _never, range(3)))


class Counting:
    """Counts how many calls wait or run at once."""

    def __init__(self, pool: Executor):
        self.pool, self.now, self.most = pool, 0, 0

    def submit(self, function: object, *arguments: object) -> object:
        self.now += 1
        self.most = max(self.most, self.now)
        future = self.pool.submit(function, *arguments)  # type: ignore[arg-type]
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        self.now -= 1


def test_tasks_in_flight_are_bounded() -> None:
    with ThreadPoolExecutor(4) as pool:
        counting = Counting(pool)
        endless = (n for n in range(2000))
        found = executors.work(counting, abs, endless, in_flight=7)
        assert sum(value for _, value in found) == 1999 * 1000
    assert counting.most <= 7


DRIVER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from lpzero import executors
if __name__ == "__main__":
    command, out, address = sys.argv[3:], sys.argv[1], sys.argv[2]
    pool = ThreadPoolExecutor(2) if address == "here" else executors.Ray(address)
    executors.run(command, out, pool, shards=8)
"""


def killed_driver(place: Path, address: str, command: list[str]) -> Path:
    """A run whose driver is killed once it has some shares, and begun again."""
    script, run = place / "driver.py", place / "killed"
    script.write_text(DRIVER)
    line = [sys.executable, str(script), str(run), address, *command]
    driver = subprocess.Popen(line)
    end = time.monotonic() + 120
    while len(list(run.glob("*/shard-*"))) < 2:
        assert time.monotonic() < end and driver.poll() is None, "the driver has ended"
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = {path: path.stat().st_mtime_ns for path in run.glob("*/shard-*")}
    assert len(before) < 8 and not (run / "truth.json").exists()
    subprocess.run(line, check=True)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    return run


def test_a_driver_that_is_killed_goes_on(tmp_path: Path) -> None:
    run = killed_driver(tmp_path, "here", BUILD)
    whole([*BUILD, "--out", str(tmp_path / "whole")])
    assert entries(run) == entries(tmp_path / "whole")


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray", reason="SKIPPED: Ray is not installed")
    from ray.cluster_utils import Cluster

    try:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    except Exception as error:
        print(f"SKIPPED: no node of Ray can be started here: {error}")
        pytest.skip("no node of Ray can be started here")
    cluster.add_node(num_cpus=1)
    yield cluster
    import ray

    ray.shutdown()
    cluster.shutdown()


def test_two_nodes_of_ray_are_one_process(cluster, tmp_path: Path) -> None:
    ray = executors.Ray(cluster.address)
    assert ray.processors == 2
    for command, shards in [(SCORE, 8), (BUILD, 4), (EXHAUSTIVE, 4)]:
        name = command[0]
        found = executors.run(command, tmp_path / name, ray, shards=shards)
        assert plain(found) == plain(whole([*command, "--out", str(tmp_path / f"whole-{name}")]))
    assert entries(tmp_path / "truth") == entries(tmp_path / "whole-truth")
    here = lpzero.score(NETWORKS, "snip", batch=2)
    assert list(lpzero.score(NETWORKS, "snip", batch=2, executor=ray)) == list(here)


def _slow(number: int) -> int:
    time.sleep(0.3)
    return number


def test_a_node_that_goes_without_grace_loses_nothing(cluster, tmp_path: Path) -> None:
    ray = executors.Ray(cluster.address)
    node = cluster.add_node(num_cpus=2)
    # Tasks are running on it when it goes.
    results = executors.work(ray, _slow, range(24), in_flight=8)
    found = [next(results), next(results)]
    cluster.remove_node(node, allow_graceful=False)
    assert sorted([*found, *results]) == [(n, n) for n in range(24)]
    node = cluster.add_node(num_cpus=1)
    with ThreadPoolExecutor(1) as background:
        removed = background.submit(lambda: (time.sleep(2), cluster.remove_node(node, allow_graceful=False)))
        executors.run(BUILD, tmp_path / "run", ray, shards=10)
        removed.result()
    whole([*BUILD, "--out", str(tmp_path / "whole")])
    assert entries(tmp_path / "run") == entries(tmp_path / "whole")


def test_a_driver_of_ray_that_is_killed_goes_on(cluster, tmp_path: Path) -> None:
    run = killed_driver(tmp_path, cluster.address, BUILD)
    whole([*BUILD, "--out", str(tmp_path / "whole")])
    assert entries(run) == entries(tmp_path / "whole")


def test_two_workers_of_dask_are_one_process(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="SKIPPED: Dask is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as dask,
        distributed.Client(dask) as client,
    ):
        found = executors.run(SCORE, tmp_path / "run", client.get_executor(), shards=4)
    assert plain(found) == plain(whole(SCORE))
