"""Tabulates what benches/nas.sh found: python benches/nas.py OUT DATA

DATA is the published folder random_GPT2_wt103. Needs PyYAML.
"""

import bisect
import csv
import json
import math
import pathlib
import random
import re
import sys

import yaml

out, data = map(pathlib.Path, sys.argv[1:])


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def deviation(values):
    values = list(values)
    middle = mean(values)
    return math.sqrt(sum((v - middle) ** 2 for v in values) / max(len(values) - 1, 1))


def tau_b(x, y):
    """Kendall's tau-b; None where a column is constant."""
    concordance, ties = 0, [0, 0]
    n = len(x)
    for i in range(n):
        for j in range(i):
            a, b = (x[i] > x[j]) - (x[i] < x[j]), (y[i] > y[j]) - (y[i] < y[j])
            concordance += a * b
            ties[0] += a == 0
            ties[1] += b == 0
    pairs = n * (n - 1) / 2
    scale = math.sqrt((pairs - ties[0]) * (pairs - ties[1]))
    return concordance / scale if scale else None


def interval(values, statistic, draws=2000):
    """95 % percentile bootstrap over rows."""
    chance = random.Random(0)
    found = []
    for _ in range(draws):
        rows = [values[chance.randrange(len(values))] for _ in values]
        value = statistic(rows)
        if value is not None:
            found.append(value)
    found.sort()
    if not found:
        return "-"
    return f"{found[int(0.025 * len(found))]:.3f} .. {found[int(0.975 * len(found))]:.3f}"


def text(value):
    return "-" if value is None else f"{value:.3f}"


def hypervolume(points):
    """Of (score, cost) in the unit square, from (0, 1)."""
    area, below = 0.0, 0.0
    for score, cost in sorted(points, key=lambda point: (point[1], -point[0])):
        if score > below:
            area += (score - below) * (1 - cost)
            below = score
    return area


runs = {}
for path in sorted(out.glob("*-*/report.json")):
    method, seed = re.fullmatch(r"(.*)-(\d+)", path.parent.name).groups()
    with open(path.parent / "evaluated.csv") as file:
        evaluated = [
            (float(row["score"]), float(row["params"]), row["choices"])
            for row in csv.DictReader(file)
            if row["score"]
        ]
    runs[method, int(seed)] = (path.parent, json.loads(path.read_text()), evaluated)
if not runs:
    sys.exit(f"{out}: no finished run; expected the folder of benches/nas.sh")
methods = [m for m in ["nsga2", "evolution", "random"] if any(m == key[0] for key in runs)]

# One reference for all: the lowest and highest score, and the most parameters, that
# any run scored.
everything = [pair for _, _, evaluated in runs.values() for pair in evaluated]
low, high = (f(score for score, _, _ in everything) for f in (min, max))
ranks = sorted(score for score, _, _ in everything)
most = max(params for _, params, _ in everything)
first = next(iter(runs.values()))[1]
print(f"{first['proxy']}, {first['bounds']}, {first['batch']} x {first['positions']} tokens")
print(f"\nHypervolume of score and parameters; reference: score {low:.6g} (0) to {high:.6g} (1),")
print(f"{most:.0f} parameters (1)\n")
shares = [0.25, 0.5, 1.0]
heads = [f"after {s:.0%}" for s in shares] + ["after 100%, scores by rank", "best score"]
print("| method | seeds | " + " | ".join(heads) + " |")
print("| --- | ---: |" + " ---: |" * len(heads))
for method in methods:
    own = [run for key, run in runs.items() if key[0] == method]
    cells = []
    for share in shares:
        volumes = []
        for _, _, evaluated in own:
            part = evaluated[: round(share * len(evaluated))]
            unit = [((s - low) / (high - low), p / most) for s, p, _ in part]
            volumes.append(hypervolume(unit))
        cells.append(f"{mean(volumes):.4f} ± {deviation(volumes):.4f}")
    # A proxy promises an order only: the same with each score as the share of all
    # scores, of any run, that are below it.
    volumes = [
        hypervolume([(bisect.bisect_left(ranks, s) / len(ranks), p / most) for s, p, _ in run])
        for _, _, run in own
    ]
    cells.append(f"{mean(volumes):.4f} ± {deviation(volumes):.4f}")
    best = [max(score for score, _, _ in evaluated) for _, _, evaluated in own]
    print(f"| {method} | {len(own)} | " + " | ".join(cells) + f" | {mean(best):.4g} |")


def variables(layers, width, embedded, division, heads, inner):
    """A point whose coordinates are the shares of the ranges of the space."""
    return [
        (layers - 2) / 14,
        math.log2(width / 64) / 3,
        math.log2(embedded / 128) / 2,
        math.log2(division) / 2,
        mean(math.log2(h / 2) / 2 for h in heads),
        mean((i - 512) / 1536 for i in inner),
    ]


perplexities = yaml.safe_load((data / "ppl_summary.yaml").read_text())
published = []
for name, entry in perplexities.items():
    config, job = name.rsplit("_", 1)
    spec = yaml.safe_load((data / config / job / "model_config.yaml").read_text())
    keys = ["n_layer", "d_model", "d_embed", "div_val", "n_head", "d_inner"]
    published.append((name, variables(*(spec[key] for key in keys)), entry["valid_ppl"]))
totals = yaml.safe_load((data / "params_summary.yaml").read_text())
parameters = {name: entry["total"] for name, entry in totals.items()}


def distance(a, b):
    return math.sqrt(mean((x - y) ** 2 for x, y in zip(a, b)))


def chosen(choices):
    """The same of a scored architecture: `blocks=2 d_model=64 ... d_inner=512,640`."""
    labels = dict(choice.split("=") for choice in choices.split())
    numbers = {name: [int(n) for n in label.split(",")] for name, label in labels.items()}
    one = ["blocks", "d_model", "d_embed", "div_val"]
    return variables(*(numbers[name][0] for name in one), numbers["n_head"], numbers["d_inner"])


def neighbours(scored):
    """Of every scored architecture: score, parameters, the nearest published one, its
    perplexity and its distance."""
    rows = []
    for score, params, choices in scored:
        point = chosen(choices)
        far, name, ppl = min((distance(point, p), name, ppl) for name, p, ppl in published)
        rows.append((score, params, name, ppl, far))
    return rows


def nearest_only(rows):
    """One row per published architecture: a pair that shares it says nothing."""
    kept = {}
    for row in rows:
        if row[2] not in kept or row[4] < kept[row[2]][4]:
            kept[row[2]] = row
    return list(kept.values())


def percentile(row):
    """Share of the published architectures of about the neighbour's size that the
    neighbour is better than: 0.5 for a choice by size alone."""
    size = parameters[row[2]]
    alike = [
        ppl for name, _, ppl in published if name != row[2] and 0.8 < parameters[name] / size < 1.25
    ]
    if len(alike) < 5:
        return None
    return mean((row[3] < ppl) + 0.5 * (row[3] == ppl) for ppl in alike)


def order(rows, column):
    return tau_b([row[column] for row in rows], [-row[3] for row in rows])


print("\nThe fronts' order against the perplexities of the nearest published architectures")
print("(each used once). On one front, more score is more parameters, so that both order it")
print("alike; pooled over the seeds they need not.\n")
print("| front | n | distance | tau of score | 95 % | tau of #Params | 95 % | better than its size | 95 % |")
print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")


def line(name, rows):
    rows = nearest_only(rows)
    better = [share for share in map(percentile, rows) if share is not None]
    cells = [
        name,
        len(rows),
        f"{mean(row[4] for row in rows):.3f}",
        text(order(rows, 0)),
        interval(rows, lambda r: order(r, 0)),
        text(order(rows, 1)),
        interval(rows, lambda r: order(r, 1)),
        f"{mean(better):.3f} (n {len(better)})" if better else "-",
        interval(better, mean) if better else "-",
    ]
    print("| " + " | ".join(map(str, cells)) + " |")


for method in methods:
    pooled = []
    for (own, seed), (_, report, _) in sorted(runs.items()):
        if own == method:
            front = [
                (m["score"], m["params"], " ".join(f"{k}={v}" for k, v in m["choices"].items()))
                for m in report["front"]
            ]
            rows = neighbours(front)
            pooled += rows
            line(f"{method}, seed {seed}", rows)
    line(f"{method}, all seeds", pooled)

# Where orders by score and by size can differ: whatever was scored near a published one.
NEAR = 0.1
print(f"\nEverything scored within {NEAR} of a published architecture, the nearest for each\n")
print("| method | n | distance | tau of score | 95 % | tau of #Params | 95 % | difference, 95 % |")
print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")


def gain(rows):
    taus = order(rows, 0), order(rows, 1)
    return None if None in taus else taus[0] - taus[1]


for method in methods:
    scored = [pair for key, run in runs.items() if key[0] == method for pair in run[2]]
    rows = [row for row in nearest_only(neighbours(scored)) if row[4] < NEAR]
    if len(rows) < 3:
        continue
    cells = [
        method,
        len(rows),
        f"{mean(row[4] for row in rows):.3f}",
        text(order(rows, 0)),
        interval(rows, lambda r: order(r, 0), 500),
        text(order(rows, 1)),
        interval(rows, lambda r: order(r, 1), 500),
        interval(rows, gain, 500),
    ]
    print("| " + " | ".join(map(str, cells)) + " |")
