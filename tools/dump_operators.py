"""Writes PyTorch's values of the paper's unary operations for crates/proxy's tests.

    .venv/bin/python tools/dump_operators.py

A list of {operator, shape, input, output}: flat row-major double-precision
values; `output` has one element for a reduction. LPZero (Dong et al. 2024)
lists 21 unary operations; `no_op` and `disconnect` have no values. The
conventions where the paper leaves a choice:

* `normalize` and `to_std_scalar` use the population standard deviation
  (divide by n), so that one element has deviation 0 rather than NaN;
* `abslog` is log|x|;
* `softmax` and `logsoftmax` run along dimension 0;
* `l1_norm` is the *mean* of |x| and `normalized_sum` the sum divided by the
  number of elements, which is how the released code defines them.
"""

import json
import pathlib

import torch

PATH = pathlib.Path(__file__).parent.parent / "crates/proxy/tests/fixtures/operators.json"

# Where an operation is defined: how random values are brought inside.
DOMAINS = {
    "any": lambda x: x,
    "non-zero": lambda x: x + 0.2 * torch.sign(x),
    "non-negative": torch.relu,
    "positive": lambda x: x.abs() + 0.05,
}

OPERATORS = {
    "log": ("positive", torch.log),
    "abslog": ("non-zero", lambda x: x.abs().log()),
    "abs": ("any", torch.abs),
    "square": ("any", torch.square),
    "exp": ("any", torch.exp),
    "normalize": ("any", lambda x: (x - x.mean()) / x.std(correction=0)),
    "relu": ("any", torch.relu),
    "invert": ("non-zero", torch.reciprocal),
    "frobenius_norm": ("any", torch.linalg.vector_norm),
    "normalized_sum": ("any", lambda x: x.sum() / x.numel()),
    "l1_norm": ("any", lambda x: x.abs().sum() / x.numel()),
    "softmax": ("any", lambda x: x.softmax(0)),
    "sigmoid": ("any", torch.sigmoid),
    "logsoftmax": ("any", lambda x: x.log_softmax(0)),
    "sqrt": ("non-negative", torch.sqrt),
    "revert": ("any", torch.neg),
    "min_max_normalize": ("any", lambda x: (x - x.min()) / (x.max() - x.min())),
    "to_mean_scalar": ("any", torch.mean),
    "to_std_scalar": ("any", lambda x: x.std(correction=0)),
}

SHAPES = [(4, 3), (2, 3, 2)]


def cases():
    generator = torch.Generator().manual_seed(21)
    for operator, (domain, apply) in OPERATORS.items():
        for shape in SHAPES:
            noise = 1.5 * torch.randn(shape, generator=generator, dtype=torch.float64)
            x = DOMAINS[domain](noise)
            y = apply(x)
            assert y.isfinite().all(), operator
            yield {
                "operator": operator,
                "shape": list(shape),
                "input": x.flatten().tolist(),
                "output": y.flatten().tolist(),
            }


def main():
    PATH.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(case) for case in cases()]
    # One case per line, so that a changed case is a changed line.
    PATH.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{PATH}: {len(lines)} cases")


if __name__ == "__main__":
    main()
