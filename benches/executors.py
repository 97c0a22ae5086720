"""How much faster two workers are than one, and what a piece costs beside its work.

    python benches/executors.py OUT [REPEATS]

Trains small decoders and scores real ones in shares, by one worker of one processor and by two,
in turns; then does shares of nothing to score, which is what a share costs. Let nothing else run
meanwhile. The wheel must be installed, and Ray.
"""

import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ray.cluster_utils import Cluster

import ray
from lpzero import executors

# Each command, and into how many shares it is cut.
TRAININGS = (["truth", "build", "--architectures", "32", "--seeds", "2", "--steps", "100"], 64)
SCORES = (["score", "--truth", "openlm", "--up-to", "90M", "--proxy", "snip", "--no-cache"], 16)
NOTHING = (["score", "--truth", "tiny", "--proxy", "params", "--no-cache"], 16)


def seconds(work, address):
    command, shards = work
    place = Path(tempfile.mkdtemp())
    executor = executors.Ray(address)
    start = time.perf_counter()
    executors.run(command, place / "run", executor, shards=shards)
    took = time.perf_counter() - start
    ray.shutdown()
    shutil.rmtree(place)
    return took


def main():
    out = Path(sys.argv[1])
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    address = cluster.address
    seconds(NOTHING, address)  # Workers are begun on the first call.
    works = {"trainings": TRAININGS, "scores": SCORES}
    times = {name: {"one": [], "two": []} for name in works} | {"nothing": []}
    for _ in range(repeats):
        for name, work in works.items():
            times[name]["one"].append(seconds(work, address))
        node = cluster.add_node(num_cpus=1)
        time.sleep(2)
        seconds(NOTHING, address)
        for name, work in works.items():
            times[name]["two"].append(seconds(work, address))
        times["nothing"].append(seconds(NOTHING, address))
        cluster.remove_node(node)
        time.sleep(2)
        print(json.dumps(times), flush=True)
    middle = {name: {n: statistics.median(some) for n, some in times[name].items()} for name in works}
    ratio = {name: workers["one"] / workers["two"] for name, workers in middle.items()}
    share = statistics.median(times["nothing"]) / NOTHING[1]
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "ray": ray.__version__,
        "commands": {name: {"command": work[0], "shards": work[1]} for name, work in works.items()},
        "seconds": times,
        "one_over_two": ratio,
        "seconds_a_share_of_nothing": share,
    }
    (out / "executors.json").write_text(json.dumps(document, indent=2) + "\n")
    for name, times_as_fast in ratio.items():
        print(f"{name}: two workers are {times_as_fast:.2f} times as fast as one")
    print(f"a share of nothing: {share:.2f} s")
    cluster.shutdown()


if __name__ == "__main__":
    main()
