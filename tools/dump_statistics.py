"""Writes SciPy's rank correlations for crates/stats' tests.

    .venv/bin/python tools/dump_statistics.py

rank_statistics.json, a list of {name, x, y, tau, rho, somers_d}: tau is
kendalltau's tau-b, rho spearmanr's statistic, somers_d that of x given y; null
where a vector is constant and the correlation undefined. partial_tau.json, a list of {name, x, y, z, tau}:
Kendall's partial tau of x and y given z, from the three tau-b,
(t_xy - t_xz t_yz) / sqrt((1 - t_xz^2) (1 - t_yz^2)).
"""

import json
import math
import pathlib
import warnings

import numpy as np
from scipy.stats import kendalltau, somersd, spearmanr

FIXTURES = pathlib.Path(__file__).parent.parent / "crates/stats/tests/fixtures"


def number(value):
    return None if math.isnan(value) else float(value)


def tau_b(x, y):
    return kendalltau(x, y, variant="b").statistic


def correlation(name, x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant input
        tau, rho = tau_b(x, y), spearmanr(x, y).statistic
        # SciPy's D(second | first): of the pairs that differ in y.
        somers_d = somersd(y, x).statistic
    return {
        "name": name,
        "x": x.tolist(),
        "y": y.tolist(),
        "tau": number(tau),
        "rho": number(rho),
        "somers_d": number(somers_d),
    }


def partial(name, x, y, z):
    xy, xz, yz = tau_b(x, y), tau_b(x, z), tau_b(y, z)
    value = (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
    return {
        "name": name,
        "x": x.tolist(),
        "y": y.tolist(),
        "z": z.tolist(),
        "tau": number(value),
    }


def main():
    random = np.random.default_rng(20241008)

    def related(count, noise):
        x = random.standard_normal(count)
        return x, x + noise * random.standard_normal(count)

    def rounded(count, noise, digits):
        return (np.round(v, digits) for v in related(count, noise))

    x, y = related(12, 0.5)
    correlations = [
        correlation("two values that agree", [1, 2], [10, 20]),
        correlation("two values that disagree", [1, 2], [20, 10]),
        correlation("two values, one vector constant", [1, 1], [10, 20]),
        correlation("three values, one tie", [1, 2, 2], [3, 1, 2]),
        correlation("the same order", [1, 2, 3, 4, 5], [2, 4, 8, 16, 32]),
        correlation("the opposite order", [1, 2, 3, 4, 5], [-1, -2, -3, -4, -5]),
        correlation("both vectors constant", [3, 3, 3, 3], [7, 7, 7, 7]),
        correlation("all ties but one in x", [0, 0, 0, 0, 1], [5, 4, 3, 2, 1]),
        correlation("the same ties in both", [1, 1, 2, 2, 3, 3], [4, 4, 5, 5, 6, 6]),
        correlation("crossed ties", [1, 1, 1, 2, 2, 2], [1, 2, 3, 1, 2, 3]),
        correlation("no ties, positive", x, y),
        correlation("no ties, negative", x, -y),
        correlation("negative zero equals zero", [-0.0, 0.0, 1, 2], [1, 1, 2, 3]),
        correlation("huge and tiny magnitudes", [1e300, -1e300, 1e-300, 0], [3, 1, 2.5, 2]),
        correlation("ties in y only", x, np.round(y)),
        correlation("heavy ties", *rounded(60, 1.0, 0)),
        correlation("heavy ties, negative", *(s * v for s, v in zip((1, -1), rounded(60, 0.7, 0)))),
        correlation("independent", *random.standard_normal((2, 100))),
        correlation(
            "binary against depth",
            random.integers(0, 2, 80),
            random.integers(2, 5, 80) * 2,
        ),
        correlation("long", *related(500, 0.4)),
        correlation("long, some ties", *rounded(500, 0.4, 1)),
        correlation("long, heavy ties", *rounded(500, 2.0, 0)),
    ]

    z = random.standard_normal(80)
    driven = z + 0.5 * random.standard_normal(80)
    driven_too = z + 0.5 * random.standard_normal(80)
    beyond = driven + z + 0.3 * random.standard_normal(80)
    partials = [
        partial("related through z only", driven, driven_too, z),
        partial("related beyond z", driven, beyond, z),
        partial("opposite given z", -driven, beyond, z),
        partial("ties everywhere", *(np.round(v) for v in (driven, beyond, z))),
        partial("z is independent", driven, beyond, random.standard_normal(80)),
    ]
    write("rank_statistics.json", correlations)
    write("partial_tau.json", partials)


def write(name, cases):
    """A JSON list with one case per line, so that a changed case is a changed line."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case) for case in cases)
    (FIXTURES / name).write_text(f"[\n{lines}\n]\n")
    print(f"{FIXTURES / name}: {len(cases)} cases")


if __name__ == "__main__":
    main()
