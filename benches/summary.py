"""Tabulates the reports that benches/search.sh kept: python benches/summary.py OUT"""

import json
import pathlib
import re
import sys

reports = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*-*.json")):
    truth, seed = re.fullmatch(r"(.*)-(\d+)", path.stem).groups()
    reports.setdefault(truth, {})[int(seed)] = json.loads(path.read_text())


def mean(values):
    values = list(values)
    return sum(values) / len(values)


for truth, by_seed in reports.items():
    print(f"\n{truth}, test split\n")
    print("| seed | tau | rho | tau inside groups | depth^2 x width: tau / rho | formula |")
    print("| --- | --- | --- | --- | --- | --- |")
    for seed, report in sorted(by_seed.items()):
        test = report["test"]
        groups = test.get("tau_within_group", {}).values()
        inside = " ".join("-" if tau is None else f"{tau:.2f}" for tau in groups)
        bar = next(row for row in test["baselines"] if row["name"] == "depth^2 x width")
        print(
            f"| {seed} | {test['tau']:.3f} | {test['rho']:.3f} | {inside} "
            f"| {bar['tau']:.3f} / {bar['rho']:.3f} | `{report['best']['formula']}` |"
        )
    tests = [report["test"] for report in by_seed.values()]
    tau, rho = mean(t["tau"] for t in tests), mean(t["rho"] for t in tests)
    print(f"| mean | {tau:.3f} | {rho:.3f} | | | |")
