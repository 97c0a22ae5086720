"""Tabulates the reports that benches/search.sh kept: python benches/summary.py OUT

Means are over seeds, with their standard errors; silence inside a group counts as 0.
"""

import json
import pathlib
import re
import statistics
import sys

reports = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*-*.json")):
    truth, seed = re.fullmatch(r"(.*)-(\d+)", path.stem).groups()
    reports.setdefault(truth, {})[int(seed)] = json.loads(path.read_text())


def mean(values):
    values = list(values)
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {error:.3f}"


def tabulate(title, tests, formulas):
    """Test results by seed, and the formulas that had them."""
    print(f"\n{title}, test split\n")
    print("| seed | tau | rho | tau inside groups | depth^2 x width: tau / rho | formula |")
    print("| --- | --- | --- | --- | --- | --- |")
    inside = {
        seed: list(test.get("tau_within_group", {}).values()) for seed, test in tests.items()
    }
    for seed, test in sorted(tests.items()):
        groups = " ".join("-" if tau is None else f"{tau:.2f}" for tau in inside[seed])
        bars = [row for row in test["baselines"] if row["name"] == "depth^2 x width"]
        bar = f"{bars[0]['tau']:.3f} / {bars[0]['rho']:.3f}" if bars else ""
        print(
            f"| {seed} | {test['tau']:.3f} | {test['rho']:.3f} | {groups} "
            f"| {bar} | `{formulas[seed]}` |"
        )
    tau, rho = (mean(test[key] for test in tests.values()) for key in ["tau", "rho"])
    groups = ", ".join(mean(tau or 0.0 for tau in group) for group in zip(*inside.values()))
    print(f"| mean | {tau} | {rho} | {groups} | | |")


for truth, by_seed in reports.items():
    formulas = {seed: report["best"]["formula"] for seed, report in by_seed.items()}
    several = next(iter(by_seed.values())).get("truths", [])
    for number, verdict in enumerate(several):
        tests = {seed: report["truths"][number]["test"] for seed, report in by_seed.items()}
        tabulate(f"{truth}: {verdict['truth']}", tests, formulas)
    if not several:
        tabulate(truth, {seed: report["test"] for seed, report in by_seed.items()}, formulas)
