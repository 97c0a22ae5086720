"""LLaMA-7B on a laptop: one pass, all sub-networks from one pass, the best of them.

    python benches/llama.py LPZERO OUT

Writes OUT/llama.json and prints the tables of docs/lab/llama.md: seconds and peak memory of
ten scores, beside what the matrix products alone need at the largest rate that torch.mm
reaches around each; 1000 sub-networks from one pass, and the best one under 5.6 billion
parameters, exactly, by NSGA-II and at random; and, on a small super-network, what
restricted scores say of direct ones. Takes a quarter of an hour.
"""

import csv
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

import torch

CONFIG = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
}
TOKENS = 64
SCORES = 10
BUDGET = "5.6B"
PROXIES = ["snip", "grad_norm", "@found"]
SMALL = ["snip", "grad_norm", "synaptic_saliency", "sum(l2(W))", "@found"]


def run(*command):
    """Wall seconds, peak resident bytes and standard output of a command."""
    start = time.time()
    read, write = os.pipe()
    child = subprocess.Popen(command, stdout=write)
    os.close(write)
    with os.fdopen(read) as output:
        text = output.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)}: status {status}")
    return time.time() - start, usage.ru_maxrss * 1024, text


def product_rate():
    """The largest rate of torch.mm, FLOPs a second."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    best = 0.0
    for _ in range(20):
        start = time.time()
        torch.mm(a, b)
        best = max(best, 2 * 2048**3 / (time.time() - start))
    return best


def score(command):
    """One score, beside the products that it has to compute at the largest rate around it."""
    before = product_rate()
    seconds, memory, text = run(*command)
    rate = max(before, product_rate())
    # Weights of blocks and head, twice two FLOPs backward and once forward, a token.
    weights = 32 * (4 * 4096**2 + 3 * 4096 * 11008)
    products = 6 * (weights * TOKENS + 4096 * 32000 * (TOKENS - 1)) / rate
    print(
        f"score: {seconds:.1f} s, {memory / 1e9:.2f} GB; products alone {products:.1f} s at "
        f"{rate / 1e9:.0f} GFLOP/s: {seconds / products:.2f} times",
        flush=True,
    )
    return {
        "scores": json.loads(text),
        "seconds": seconds,
        "peak_bytes": memory,
        "product_rate": rate,
        "product_seconds": products,
        "ratio": seconds / products,
    }


def kendall(pairs):
    """Tau-b."""
    concordant = ties_x = ties_y = total = 0
    for (x, y), (u, v) in itertools.combinations(pairs, 2):
        a, b = (x > u) - (x < u), (y > v) - (y < v)
        concordant += a * b
        ties_x += a == 0
        ties_y += b == 0
        total += 1
    return concordant / ((total - ties_x) * (total - ties_y)) ** 0.5


def scores(folder):
    with open(folder / "evaluated.csv") as file:
        return {row["id"]: float(row["score"]) for row in csv.DictReader(file)}


def main():
    lpzero, out = sys.argv[1], pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    found = out / "found"
    if not found.exists():
        run(lpzero, "--quiet", "search", "--out", str(found))
    formula = json.loads((found / "report.json").read_text())["best"]["formula"]
    named = lambda proxy: proxy.replace("@found", formula)
    report = {"found": formula, "tokens": TOKENS}

    model = out / "llama-7b"
    model.mkdir(exist_ok=True)
    (model / "config.json").write_text(json.dumps(CONFIG))
    minibatch = ["--batch", "1", "--positions", str(TOKENS)]
    proxies = [text for proxy in PROXIES for text in ("--proxy", named(proxy))]
    scoring = [lpzero, "--json", "score", str(model), *proxies, *minibatch]
    report["scores"] = [score(scoring) for _ in range(SCORES)]
    ratios = [run["ratio"] for run in report["scores"]]
    print(f"mean of {SCORES}: {sum(ratios) / SCORES:.2f} times")

    space = ["nas", "--space", "lonas-llama-7b", "--supernet", "seeded", "--restricted", *minibatch]
    space += ["--proxy", "snip"]
    report["choose"] = {}
    for method, budget in [("exact", 1), ("random", 1000), ("nsga2", 10_000), ("random", 10_000)]:
        command = [*space, "--method", method, "--max-params", BUDGET, "--budget", str(budget)]
        seconds, memory, text = run(lpzero, "--json", *command)
        document = json.loads(text)
        supernet = document["supernet"]
        best = max(document["front"], key=lambda member: member["score"])
        report["choose"][f"{method} {budget}"] = {
            "seconds": document["seconds"],
            "pass_seconds": supernet["pass_seconds"],
            "solve_seconds": supernet["solve_seconds"],
            "all_seconds": seconds,
            "peak_bytes": memory,
            "best": best["score"],
            "params": best["params"],
            "width": best["choices"]["width"],
        }
        print(
            f"{method:7} {budget:6}: best {best['score']:.6g} with {best['params'] / 1e9:.3f}B, "
            f"{document['seconds']:.2f} s after a pass of {supernet['pass_seconds']:.1f} s, "
            f"{memory / 1e9:.2f} GB"
        )

    report["restricted"] = {}
    for proxy in SMALL:
        sub = ["--quiet", "nas", "--space", "tiny-elastic", "--supernet", "seeded"]
        sub += ["--method", "random", "--budget", "50", "--proxy", named(proxy), "--out"]
        name = f"small-{SMALL.index(proxy)}"
        for kind, more in [("direct", []), ("restricted", ["--restricted"])]:
            folder = out / f"{name}-{kind}"
            if not folder.exists():
                run(lpzero, *sub, str(folder), *more)
        direct, restricted = (scores(out / f"{name}-{kind}") for kind in ["direct", "restricted"])
        pairs = [(direct[id], restricted[id]) for id in direct]
        worst = max(abs(x - y) / abs(x) for x, y in pairs)
        report["restricted"][named(proxy)] = {"tau": kendall(pairs), "largest_difference": worst}
        print(f"{named(proxy)}: tau {kendall(pairs):.3f}, largest difference {worst:.1e}")
    (out / "llama.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
