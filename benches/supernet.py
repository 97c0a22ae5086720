"""Tabulates what benches/supernet.sh measured: python benches/supernet.py OUT"""

import json
import pathlib
import random
import sys

out = pathlib.Path(sys.argv[1])


def read(path):
    return json.loads((out / path).read_text())


def tau(pairs):
    """Kendall's tau-b of (x, y) pairs; None where a column is constant."""
    agree, ties, n = 0, [0, 0], len(pairs)
    for i in range(n):
        for j in range(i):
            (a, b), (c, d) = pairs[i], pairs[j]
            x, y = (a > c) - (a < c), (b > d) - (b < d)
            agree += x * y
            ties[0] += x == 0
            ties[1] += y == 0
    all_pairs = n * (n - 1) / 2
    scale = ((all_pairs - ties[0]) * (all_pairs - ties[1])) ** 0.5
    return agree / scale if scale else None


def interval(pairs, draws=1000):
    """95 % percentile bootstrap over pairs."""
    chance = random.Random(0)
    found = [tau([chance.choice(pairs) for _ in pairs]) for _ in range(draws)]
    found = sorted(value for value in found if value is not None)
    return [found[int(share * len(found))] for share in (0.025, 0.975)]


def number(value):
    return "-" if value is None else f"{value:.3f}"


def ends(values):
    return " .. ".join(number(value) for value in values) if values else "-"


def entries(folder):
    return read(f"{folder}/truth.json")["entries"]


def shape(entry):
    blocks = entry["architecture"]["blocks"]
    heads = [block["mixer"]["grouped-attention"]["heads"] for block in blocks]
    return heads, [block["feed_forward"]["hidden"][0] for block in blocks]


report = read("supernet/report.json")
print(
    f"super-network: {report['parameters']} parameters, {report['steps']} updates, "
    f"{report['seconds']:.0f} s, validation loss {report['validation_loss']:.4f}, "
    f"floor {report['entropy_floor']:.4f}\n"
)
for folder in ("losses", "fresh"):
    if not (out / folder / "truth.json").exists():
        continue
    truth, losses = read(f"{folder}/truth.json"), [-e["score"] for e in entries(folder)]
    seconds = truth["provenance"]["evaluation_seconds"]
    print(
        f"{folder}: {len(losses)} sub-networks, losses {min(losses):.4f} to {max(losses):.4f}, "
        f"{seconds:.0f} s of evaluation"
    )
    rows = [(shape(e), e["score"]) for e in entries(folder)]
    for name, of in [
        ("heads of all blocks", lambda heads, hidden: sum(heads)),
        ("hidden widths of all blocks", lambda heads, hidden: sum(hidden)),
        ("heads of the first half", lambda heads, hidden: sum(heads[:3])),
        ("heads of the second half", lambda heads, hidden: sum(heads[3:])),
        ("hidden widths of the first half", lambda heads, hidden: sum(hidden[:3])),
        ("hidden widths of the second half", lambda heads, hidden: sum(hidden[3:])),
    ]:
        print(f"  tau with {name}: {number(tau([(of(*x), y) for x, y in rows]))}")


def ranking(title, rows):
    print(f"\n{title}\n")
    print("| proxy | tau | 95 % interval | over #Params | 95 % interval | given #Params |")
    print("| --- | ---: | --- | ---: | --- | ---: |")
    for row in sorted(rows, key=lambda row: -(row["tau"] or -1)):
        over = row["over_params"] or {}
        print(
            f"| `{row['proxy']}` | {number(row['tau'])} | {ends(row['tau_ci'])} | "
            f"{number(over.get('tau'))} | {ends(over.get('tau_ci'))} | "
            f"{number(row['partial_tau_params'])} |"
        )


ranking("named proxies and baselines on all of losses", read("rank.json")["rows"])
if (out / "found.json").exists():
    rows = read("fresh.json")["rows"] + read("found.json")["rows"]
    ranking("named proxies, baselines and found formulas on fresh", rows)
print("\nsearches on one half of losses, tested on the other\n")
print("| seed | test tau | 95 % interval | #Params there | difference | 95 % interval | formula |")
print("| ---: | ---: | --- | ---: | ---: | --- | --- |")
for path in sorted(out.glob("search-*/report.json")):
    run = json.loads(path.read_text())
    test, seed = run["test"], run["seed"]
    params = next(b for b in test["baselines"] if b["name"] == "#Params")
    print(
        f"| {seed} | {number(test['tau'])} | {ends(test['tau_ci'])} | {number(params['tau'])} | "
        f"{number(params['difference'])} | {ends(params['difference_ci'])} | "
        f"`{run['best']['formula']}` |"
    )
scores = {entry["id"]: entry["score"] for entry in entries("losses")}
pairs = []
for path in sorted(out.glob("scratch/*/report.json")):
    loss = json.loads(path.read_text())["validation_loss"]
    pairs.append((scores[path.parent.name], -loss))
if pairs:
    print(f"\ninherited and from scratch, {len(pairs)} sub-networks")
    print(f"  tau {number(tau(pairs))} ({ends(interval(pairs))})")
    for inherited, scratch in sorted(pairs):
        print(f"  {-inherited:.4f}  {-scratch:.4f}")
