"""How much faster two workers are than one, and what a piece costs beside its work.

    python benches/executors.py OUT [REPEATS]

Scores real decoders in 16 shares, by one worker of one processor and by two, in turns; then
16 shares of nothing to score, which is what a share costs. Let nothing else run meanwhile. The
wheel must be installed, and Ray.
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

WORK = ["score", "--truth", "openlm", "--up-to", "90M", "--proxy", "snip", "--no-cache"]
NOTHING = ["score", "--truth", "tiny", "--proxy", "params", "--no-cache"]
SHARDS = 16


def seconds(command, address):
    place = Path(tempfile.mkdtemp())
    executor = executors.Ray(address)
    start = time.perf_counter()
    executors.run(command, place / "run", executor, shards=SHARDS)
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
    times = {"one": [], "two": [], "nothing": []}
    for _ in range(repeats):
        times["one"].append(seconds(WORK, address))
        node = cluster.add_node(num_cpus=1)
        time.sleep(2)
        seconds(NOTHING, address)
        times["two"].append(seconds(WORK, address))
        times["nothing"].append(seconds(NOTHING, address))
        cluster.remove_node(node)
        time.sleep(2)
        print({name: [round(one, 2) for one in some] for name, some in times.items()}, flush=True)
    middle = {name: statistics.median(some) for name, some in times.items()}
    ratio = middle["one"] / middle["two"]
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "ray": ray.__version__,
        "command": WORK,
        "shards": SHARDS,
        "seconds": times,
        "one_over_two": ratio,
        "seconds_a_share_of_nothing": middle["nothing"] / SHARDS,
    }
    (out / "executors.json").write_text(json.dumps(document, indent=2) + "\n")
    print(f"two workers: {ratio:.2f} times as fast as one; a share of nothing: {middle['nothing'] / SHARDS:.2f} s")
    cluster.shutdown()


if __name__ == "__main__":
    main()
