"""Peak memory and time of scoring 200, 2,000 and 20,000 small networks.

    python benches/many.py LPZERO OUT

Networks are decoders of 1 to 4 blocks and of width 16 to 128, each with a feed-forward network
of its own width, so that no two are equal. Writes OUT/many.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COUNTS = [200, 2_000, 20_000]
PROXY = ["--proxy", "lpzero", "--proxy", "snip"]


def network(number):
    width = 16 * (1 + number % 8)
    return {
        "model_type": "gpt2", "vocab_size": 128, "n_positions": 64, "n_embd": width,
        "n_layer": 1 + number // 8 % 4, "n_head": 4, "n_inner": width + number // 32,
    }  # fmt: skip


def measured(lpzero, count, folder):
    table = Path(folder) / f"{count}.jsonl"
    with table.open("w") as out:
        for number in range(count):
            # The order is shuffled: the first networks are not the smallest.
            row = {"id": str(number), "score": 0.0, "architecture": network(number * 7919 % count)}
            out.write(json.dumps(row | {"score": float(number % 97)}) + "\n")
    command = [lpzero, "score", "--truth", table, *PROXY, "--no-cache", "--quiet"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    return {
        "networks": count,
        "seconds": time.perf_counter() - start,
        "peak_bytes": usage.ru_maxrss * 1024,
    }


def main():
    lpzero, out = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        rows = [measured(lpzero, count, folder) for count in COUNTS]
    for row in rows:
        print(row, f"{row['peak_bytes'] / rows[0]['peak_bytes']:.2f}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "many.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
