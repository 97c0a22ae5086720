"""FlexiBERT's records with the proxy columns that their authors released.

    python benches/reference.py DATA > reference.jsonl
    python benches/reference.py DATA --no-transforms > attention.jsonl

DATA holds flexibert/BERT_benchmark.json and flexibert/reference_proxies.csv. Any
column is then a ground truth that proxies can be ranked on:

    lpzero rank --truth reference.jsonl --reading reference \
        --score-column "Head Confidence" --proxy head_confidence --exact

One column is added. The released activation distance was summed over hooks that
were never removed from a module which all networks share: the number of summands,
which is the distance divided by its "normalised" value, is the number of
feed-forward activations times 26 plus all layers of the records so far, counted anew
from record 365 on (which the script asserts of every record). `Activation Distance per
hook` is divided by that. --no-transforms leaves out records with
linear transforms, whose own softmax the released softmax confidence counts.
"""

import csv
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1]) / "flexibert"
no_transforms = "--no-transforms" in sys.argv
records = json.loads((folder / "BERT_benchmark.json").read_text())
released = {
    int(row["ID"]): row for row in csv.DictReader((folder / "reference_proxies.csv").open())
}
hooks = 26
RESTARTED = 365
for record in records:
    columns = {name: float(x) for name, x in released[record["id"]].items() if name != "ID"}
    architecture = record["hparams"]["model_hparam_overrides"]
    layers = architecture["nas_config"]["encoder_layers"]
    hooks = (0 if record["id"] == RESTARTED else hooks) + len(layers)
    summands = hooks * sum(layer["num_feed_forward"] for layer in layers)
    normalised = columns["Activation Distance Normalized"]
    assert abs(columns["Activation Distance"] / normalised / summands - 1) < 1e-5, record["id"]
    columns["Activation Distance per hook"] = columns["Activation Distance"] / hooks
    if no_transforms and any(layer["operation_type"] == "LT" for layer in layers):
        continue
    print(json.dumps({"id": record["id"], "architecture": architecture, **columns}))
