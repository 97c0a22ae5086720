"""Long work: results, progress, interruption, threads and processes."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lpzero
from test_truth import CONFIG, rows


def test_a_search_reports_on_networks_that_took_no_part() -> None:
    run = lpzero.search("tiny", method="gp", evaluations=200, progress=False)
    assert isinstance(run.best, lpzero.Proxy)
    assert -1.0 <= run.test["tau"] <= 1.0
    assert len(run.front) > 0
    assert run.report()["best"]["formula"] == run.best.name
    again = lpzero.search("tiny", method="gp", evaluations=200, threads=1, progress=False)
    assert again.best == run.best and again.test["tau"] == run.test["tau"]


def test_a_kept_search_is_continued_and_opened(tmp_path: Path) -> None:
    out = tmp_path / "run"
    calls: list[tuple[float, float, str]] = []

    def stop(done: float, total: float, message: str) -> None:
        calls.append((done, total, message))
        if message.startswith("searching") and done > 0.2:
            raise RuntimeError("enough")

    options = {"method": "gp", "evaluations": 3000}
    with pytest.raises(RuntimeError, match="enough"):
        lpzero.search("tiny", out=out, progress=stop, **options)
    assert calls and all(0.0 <= done <= total == 1.0 for done, total, _ in calls)
    assert not (out / "report.json").exists()
    with pytest.raises(lpzero.LpzeroError, match="other settings"):
        lpzero.search("tiny", out=out, seed=1, progress=False, **options)
    run = lpzero.search("tiny", out=out, progress=False, **options)
    whole = lpzero.search("tiny", progress=False, **options)
    assert run.best == whole.best and run.front["formula"] == whole.front["formula"]
    assert lpzero.Run.open(out).best == run.best
    assert lpzero.search("tiny", out=out, progress=False, **options).best == run.best


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(lpzero.LpzeroError, match="expected one of gp"):
        lpzero.search("tiny", method="magic")
    with pytest.raises(lpzero.LpzeroError, match="report.json"):
        lpzero.Run.open(tmp_path)
    with pytest.raises(lpzero.LpzeroError, match="no run"):
        lpzero.search("tiny", out=tmp_path)
    with pytest.raises(lpzero.LpzeroError, match="objective"):
        lpzero.score(CONFIG, "snip", objective="win")
    for asked in (lpzero.score, lpzero.traces):
        with pytest.raises(lpzero.LpzeroError, match="'stored' or 'seeded'"):
            asked(CONFIG, weights="seede")
    with pytest.raises(lpzero.LpzeroError, match="tokens"):
        lpzero.score(CONFIG, "snip", batch=10**9, positions=10**9)


def test_scores_are_a_table_that_libraries_take() -> None:
    table = lpzero.score({"a": CONFIG, "b": CONFIG | {"hidden_size": 48, "num_attention_heads": 3}},
                         ["params", "snip", "zico"], batch=1, positions=16, progress=False)
    assert table["id"] == ["a", "b"] and table["params"][0] < table["params"][1]
    assert "zico" in table.notes  # one sequence has no spread
    pyarrow = pytest.importorskip("pyarrow")
    assert pyarrow.table(table).column_names == ["id", "params", "snip", "zico"]
    polars = pytest.importorskip("polars")
    assert polars.DataFrame(table).shape == (2, 4)
    pandas = pytest.importorskip("pandas")
    assert list(table.to_pandas().columns) == ["id", "params", "snip", "zico"]
    assert isinstance(pandas.DataFrame(table.to_pandas()), pandas.DataFrame)
    assert "<table>" in table._repr_html_() and "snip" in repr(table)


def test_networks_are_compared_and_shapes_chosen() -> None:
    table = lpzero.compare({"a": CONFIG, "b": CONFIG | {"num_hidden_layers": 4}}, positions=16,
                           progress=False)
    assert {row["id"] for row in table} == {"a", "b"}
    front = lpzero.nas("tiny", "snip", max_params=100_000, evaluations=24, positions=16,
                       progress=False)
    assert len(front) > 0 and all(row["params"] <= 100_000 for row in front)


def test_an_estimator_has_scikit_learns_manners() -> None:
    sklearn = pytest.importorskip("sklearn")
    described = [row["architecture"] | {"hidden_size": 16 * (1 + i % 3)}  # type: ignore[operator]
                 for i, row in enumerate(rows(30))]
    traces = lpzero.traces(described, batch=1, positions=8, progress=False)
    y = [trace.scalars["params"] ** 0.5 for trace in traces]
    search = sklearn.base.clone(lpzero.ProxySearch(method="powers", split=(14, 8)))
    assert search.get_params()["split"] == (14, 8)
    fitted = search.fit(traces, y)
    assert fitted.score(traces, y) > 0.9
    assert len(fitted.predict(traces)) == 30 and len(fitted.front_) > 0
    assert pickle.loads(pickle.dumps(traces[0])) == traces[0]


def _score(seed: int) -> float:
    table = lpzero.score(CONFIG, "snip", seed=seed, batch=1, positions=16, threads=1,
                         progress=False)
    return float(table["snip"][0])


def test_fifty_threads_and_forked_processes_score_at_once() -> None:
    expected = [_score(seed) for seed in range(4)]
    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(_score, list(range(4)) * 13)) == expected * 13
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(4) as processes:
            assert processes.map(_score, range(4)) == expected


def test_joblib_takes_proxies_and_traces() -> None:
    joblib = pytest.importorskip("joblib")
    trace = lpzero.traces(CONFIG, batch=1, positions=16, progress=False)[0]
    proxy = lpzero.Proxy("snip")
    jobs = (joblib.delayed(_of_trace)(trace, proxy) for _ in range(2))
    assert joblib.Parallel(n_jobs=2)(jobs) == [trace.score(proxy)[0]] * 2


def _of_trace(trace: lpzero.Trace, proxy: lpzero.Proxy) -> float:
    return trace.score(proxy)[0]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_stops_within_two_seconds() -> None:
    program = (
        "import lpzero, sys\n"
        "def told(done, total, message):\n"
        "    print(message, flush=True)\n"
        "try:\n"
        "    lpzero.search('openlm', method='gp', progress=told)\n"
        "except KeyboardInterrupt:\n"
        "    print('STOPPED', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert rest.strip().endswith("STOPPED")
    assert time.monotonic() - begun < 10.0  # a second, on a machine that does nothing else


def test_work_leaves_the_interpreter_free() -> None:
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    lpzero.search("tiny", method="gp", evaluations=400, progress=False)
    done.set()
    thread.join()
    assert ticks > 10


def test_the_command_came_with_the_wheel() -> None:
    from lpzero.__main__ import command

    try:
        command()
    except FileNotFoundError as error:
        pytest.skip(f"not installed from a wheel: {error}")
    said = subprocess.run([sys.executable, "-m", "lpzero", "proxies", "snip", "--json"],
                          capture_output=True, text=True, check=True)
    assert json.loads(said.stdout)["proxy"] == "snip"
