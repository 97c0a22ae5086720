"""What the released softmax confidence of FlexiBERT is made of.

    python benches/reference.py DATA > reference.jsonl
    .venv/bin/python tools/softmax_confidence.py reference.jsonl

Fits the column by how many layers of each operation and number of heads a record has,
and prints what each layer contributes and the share of the variance explained.
"""

import json
import sys

import numpy as np

records = [json.loads(line) for line in open(sys.argv[1])]
layers = [record["architecture"]["nas_config"]["encoder_layers"] for record in records]


def kind(layer):
    return layer["operation_type"], str(layer["operation_parameter"]), layer["num_operation_heads"]


kinds = sorted({kind(layer) for record in layers for layer in record})
counts = np.array([[sum(kind(x) == k for x in record) for k in kinds] for record in layers], float)
column = np.array([record["Head Softmax Confidence"] for record in records])
shares = np.linalg.lstsq(counts, column, rcond=None)[0]
for (operation, parameter, heads), share in zip(kinds, shares):
    print(f"{operation:4} {parameter:4} {heads} heads  {share:.5f}")
rest = ((column - counts @ shares) ** 2).sum() / ((column - column.mean()) ** 2).sum()
print(f"explained: {1 - rest:.5f}")
