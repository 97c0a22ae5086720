"""Writes the compact tables of OpenLM and Gemstones that are built in.

    python3 tools/compact_tables.py ../shared/data

crates/truth/src/published/{openlm,gemstones}.csv, from copies of the published files laid
out as CONTRIBUTING.md says. A test compares both with those files.
"""

import csv
import json
import pathlib
import re
import sys

OUT = pathlib.Path(__file__).parent.parent / "crates/truth/src/published"
TASKS = ["arc:challenge", "arc:easy", "commonsense_qa", "hellaswag", "mmlu", "openbookqa", "piqa", "siqa", "winogrande"]


def write(name, what, licence, header, rows):
    notice = [f"# {line}".rstrip() for line in [*what, "Its licence:", "", *licence.read_text().splitlines()]]
    lines = [*notice, ",".join(header), *(",".join(map(str, row)) for row in rows)]
    (OUT / name).write_text("\n".join(lines) + "\n")
    print(f"{OUT / name}: {len(rows)} rows")


def openlm(folder):
    losses = {}
    for key, loss in json.loads((folder / "grid.json").read_text()).items():
        shape = tuple(map(int, re.match(r"d=(\d+)_l=(\d+)_h=(\d+)-", key).groups()))
        losses[shape] = min(loss, losses.get(shape, loss))
    what = [
        "Losses in nats of 130 decoders on C4 after 20 tokens a parameter: of every shape the lowest",
        "over its lengths of warm-up. From exp_data/grid.json of github.com/mlfoundations/scaling,",
        "commit a003c491 (Gadre et al. 2024, arXiv 2403.08540).",
    ]
    rows = [[*shape, repr(loss)] for shape, loss in losses.items()]
    write("openlm.csv", what, folder / "LICENSE", ["width", "blocks", "heads", "loss"], rows)


def gemstones(folder):
    text = (folder / "wandb_df_for_fitting_hot_100b+.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    with open(folder / "light_eval.csv", newline="") as file:
        accuracies = {row["checkpoint"]: row for row in csv.DictReader(file)}
    last = {}
    for line in lines:
        shape = (line["width"], line["depth"])
        last[shape] = max(line["step"], last.get(shape, 0))
    rows = []
    for line in lines:
        shape = (line["width"], line["depth"])
        name = "Gemstone-{}x{}".format(*shape)
        found = accuracies.get(f"{name}-step_{line['step']:08}")
        if found is None and line["step"] == last[shape]:
            found = accuracies[f"{name}-main"]
        tasks = [found[task] for task in TASKS]
        rows.append([*shape, line["tokens"], repr(line["final_loss"]), *tasks])
    what = [
        "Losses in nats and accuracies of 22 decoders after 10B to 350B tokens. From",
        "wandb_dfs/wandb_df_for_fitting_hot_100b+.jsonl and benchmarks/light_eval_df.parquet of",
        "github.com/mcleish7/gemstone-scaling-laws, commit 5f420478 (McLeish et al. 2025, arXiv",
        "2502.06857).",
    ]
    header = ["width", "blocks", "tokens", "loss", *(task.replace(":", "_") for task in TASKS)]
    write("gemstones.csv", what, folder / "LICENSE", header, rows)


if __name__ == "__main__":
    data = pathlib.Path(sys.argv[1])
    openlm(data / "openlm")
    gemstones(data / "gemstones")
