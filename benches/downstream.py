"""Whether a proxy that was found picks better networks than chance does, at equal
parameters: it picks, the picks are trained, and so are random ones.

    python benches/downstream.py LPZERO OUT [--seed N]

LPZERO is the command. Everything is kept in OUT and continued from there.

1. `lpzero search` on the built-in ground truth `tiny` finds a proxy. Of the named
   proxies that read a network, the one with the highest tau on all of `tiny`
   stands beside it, and so do depth^2 x width and FLOPs, which need none.
2. Candidates are decoders like those of `tiny` on a finer grid, none of which is in
   it, within 5 % of a number of parameters. Each proxy picks the one that it
   scores highest; RANDOM are drawn without looking.
3. All are trained by the recipe of `tiny` with SEEDS seeds, and their validation
   losses compared. Intervals are of 95 %: of a mean over seeds by Student's t, of the
   difference to random choices by a bootstrap over these and over seeds.
"""

import argparse
import concurrent.futures
import hashlib
import itertools
import json
import pathlib
import random
import statistics
import subprocess

BUDGETS = [25_000, 50_000, 100_000, 200_000]
TOLERANCE = 0.05
RANDOM, SEEDS = 12, 3
# Fresh ones: `tiny` was trained with seeds 0 and 1.
FIRST_SEED = 100
LAYERS = range(1, 11)
WIDTHS = range(16, 105, 8)
HEADS = [1, 2, 4, 8]
FEED_FORWARD = [0.5, 1, 1.5, 2, 3, 4]
RECIPE = (
    "--steps 500 --batch 8 --positions 64 --learning-rate 0.01 --warm-up 50 "
    "--validate-every 500 --validation-batches 64 --threads 1"
).split()
# Two-sided 95 % points of Student's t by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}


def lpzero(*arguments):
    run = subprocess.run([LPZERO, *arguments], capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"{LPZERO} {' '.join(arguments)}: {run.stderr}")
    return json.loads(run.stdout)


def kept(name, make):
    """What `make` gives, or gave before."""
    path = OUT / f"{name}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(make(), indent=1))
        part.rename(path)
    return json.loads(path.read_text())


def architecture(layers, width, heads, ratio):
    block = {
        "mixer": {"attention": {"heads": heads, "weighted": False}},
        "feed_forward": {"hidden": [int(width * ratio)], "activation": "gelu-tanh"},
    }
    embedding = {
        "width": width, "cutoffs": [128], "division": 1, "projection_bias": False,
        "scale_by_root_width": True, "position_width": "model", "norm": False,
    }
    return {
        "kind": "decoder", "vocabulary": 128, "positions": 64, "token_types": 0,
        "width": width, "embedding": embedding, "blocks": [block] * layers,
        "norm_placement": "pre", "norm_epsilon": 0.00001, "head": "tied",
        "initialisation": {"weight": 0.12, "projection": 0.12},
    }  # fmt: skip


def spec(name):
    """The file of a candidate, written if need be."""
    path = OUT / "architectures" / f"{name}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        body = {"format": "lpzero-architecture", "version": 1, "architecture": GRID[name]}
        path.write_text(json.dumps(body))
    return str(path)


def scores(names, proxies):
    """By proxy, then name."""
    options = [option for proxy in proxies for option in ("--proxy", proxy)]
    rows = lpzero("score", *[spec(name) for name in names], *options, "--json")["rows"]
    return {
        proxy: {name: row["scores"][proxy] for name, row in zip(names, rows)} for proxy in proxies
    }


def train(job):
    name, seed = job
    arguments = ["train", spec(name), *RECIPE, "--seed", str(seed), "--json"]
    report = kept(f"trainings/{name}-{seed}", lambda: lpzero(*arguments))
    return report["validation_loss"]


def interval(values):
    half = STUDENT[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):.4f} ± {half:.4f}"


def difference(chosen, others, draws=10_000):
    """Mean loss of random choices less that of the chosen, with its interval."""
    generator = random.Random(0)

    def resampled(values):
        return statistics.fmean(generator.choices(values, k=len(values)))

    def draw():
        networks = generator.choices(others, k=len(others))
        return statistics.fmean(map(resampled, networks)) - resampled(chosen)

    found = sorted(draw() for _ in range(draws))
    mean = statistics.fmean(map(statistics.fmean, others)) - statistics.fmean(chosen)
    return f"{mean:+.4f} ({found[draws // 40]:+.4f} .. {found[-draws // 40 - 1]:+.4f})"


def main():
    search = kept("search", lambda: lpzero("search", "--seed", str(SEED), "--json"))
    ranked = kept("rank", lambda: lpzero("rank", "--all", "--exact", "--json"))["rows"]
    named = max((row for row in ranked if row["needs_network"]), key=lambda row: row["tau"] or -1)
    signs = {row["proxy"]: row.get("sign", 1) for row in ranked}
    found = search["best"]["formula"]
    proxies = {"found": found, "best named": named["proxy"], "depth² x width": "depth2_width",
               "FLOPs": "flops"}
    print(f"found: `{found}` (tau on the test split of tiny: {search['test']['tau']:.3f})")
    print(f"best named: `{named['proxy']}` (tau on all of tiny: {named['tau']:.3f})\n")

    params = kept("params", lambda: scores(sorted(GRID), ["params"]))["params"]
    generator = random.Random(SEED)
    table, jobs = {}, []
    for budget in BUDGETS:
        near = [n for n in sorted(GRID) if abs(params[n] / budget - 1) <= TOLERANCE]
        digest = hashlib.sha256(found.encode()).hexdigest()[:8]
        by_proxy = kept(f"scores-{budget}-{digest}", lambda: scores(near, list(proxies.values())))
        picks = {}
        for label, proxy in proxies.items():
            sign = signs.get(proxy, 1)
            known = {n: sign * s for n, s in by_proxy[proxy].items() if s is not None}
            picks[label] = max(sorted(known), key=known.get)
        chance = generator.sample(near, RANDOM)
        table[budget] = (len(near), picks, chance)
        names = {*picks.values(), *chance}
        jobs += [(name, FIRST_SEED + s) for name in sorted(names) for s in range(SEEDS)]
    jobs.sort(key=lambda job: -params[job[0]])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        losses = {}
        for (name, _), loss in zip(jobs, pool.map(train, jobs)):
            losses.setdefault(name, []).append(loss)

    print("| parameters | candidates | choice | network | validation loss | random less it | "
          "better than, of random |")
    print("| ---: | ---: | --- | --- | ---: | ---: | ---: |")
    for budget, (candidates, picks, chance) in table.items():
        others = [losses[name] for name in chance]
        means = [statistics.mean(values) for values in others]
        for label, name in picks.items():
            own = losses[name]
            beaten = sum(statistics.mean(own) < mean for mean in means)
            print(f"| {budget} | {candidates} | {label} | {name} | {interval(own)} "
                  f"| {difference(own, others)} | {beaten} of {len(chance)} |")
        best, median = min(means), statistics.median(means)
        print(f"| {budget} | {candidates} | random | {len(chance)} networks "
              f"| {statistics.mean(means):.4f}, median {median:.4f}, best {best:.4f} | | |")
    kept("losses", lambda: losses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lpzero")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    LPZERO, OUT, SEED = arguments.lpzero, arguments.out, arguments.seed
    TINY = {row["id"] for row in lpzero("score", "--truth", "tiny", "--proxy", "params",
                                        "--json")["rows"]}
    GRID = {
        f"{l}x{w}-h{h}-f{int(w * r)}": architecture(l, w, h, r)
        for l, w, h, r in itertools.product(LAYERS, WIDTHS, HEADS, FEED_FORWARD)
        if w % h == 0
    }
    GRID = {name: made for name, made in GRID.items() if name not in TINY}
    main()
