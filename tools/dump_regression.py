"""Writes statsmodels' and SciPy's tests of nested models for crates/stats' tests.

    .venv/bin/python tools/dump_regression.py

regression.json: `nested`, a list of {name, y, smaller, added, f, freedom,
residual_freedom, p, p_permutation, share}: columns of two nested models, the F test
between them (compare_f_test), Freedman and Lane's permutation test with 20000
permutations, and the difference in R2; `noncentral`, SciPy's ncf.cdf; `corrected`, Holm's and
Benjamini-Hochberg's adjusted p-values; `process`, NumPy's Gaussian process regression:
predictions and logarithm of the marginal likelihood without constants.
"""

import json
import pathlib

import numpy as np
import statsmodels.api as sm
from scipy.stats import ncf
from statsmodels.stats.multitest import multipletests

FIXTURE = pathlib.Path(__file__).parent.parent / "crates/stats/tests/fixtures/regression.json"
PERMUTATIONS = 20000


def nested(name, y, smaller, added, random):
    small, large = np.column_stack(smaller), np.column_stack(smaller + added)
    fit, larger = sm.OLS(y, small).fit(), sm.OLS(y, large).fit()
    f, p, freedom = larger.compare_f_test(fit)

    basis_small, basis = orthonormal(small), orthonormal(large)

    def statistic(values):
        left_small = values - basis_small @ (basis_small.T @ values)
        left = values - basis @ (basis.T @ values)
        rss = (left**2).sum(0)
        return ((left_small**2).sum(0) - rss) / freedom / (rss / larger.df_resid)

    shuffled = np.stack([random.permutation(fit.resid) for _ in range(PERMUTATIONS)], axis=1)
    as_large = (statistic(fit.fittedvalues.reshape(-1, 1) + shuffled) >= f).sum()
    return {
        "name": name,
        "y": y.tolist(),
        "smaller": [c.tolist() for c in smaller],
        "added": [c.tolist() for c in added],
        "f": float(f),
        "freedom": int(freedom),
        "residual_freedom": int(larger.df_resid),
        "p": float(p),
        "p_permutation": (int(as_large) + 1) / (PERMUTATIONS + 1),
        "share": float(larger.rsquared - fit.rsquared),
    }


def orthonormal(columns):
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, values > 1e-13 * values[0]]


def process(random):
    known, asked = random.standard_normal((25, 3)), random.standard_normal((6, 3))
    weights, noise = np.array([0.5, 0.1, 0.0]), 0.2
    y = np.sin(known[:, 0]) + 0.3 * known[:, 1] + 0.1 * random.standard_normal(25)

    def kernel(a, b):
        return np.exp(-0.5 * (((a[:, None] - b[None]) ** 2) * weights).sum(2))

    covariance = kernel(known, known) + noise * np.eye(25)
    solved = np.linalg.solve(covariance, y)
    likelihood = -0.5 * 25 * np.log(y @ solved / 25) - 0.5 * np.linalg.slogdet(covariance)[1]
    return {
        "known": known.tolist(),
        "y": y.tolist(),
        "asked": asked.tolist(),
        "weights": weights.tolist(),
        "noise": noise,
        "predicted": (kernel(asked, known) @ solved).tolist(),
        "likelihood": float(likelihood),
    }


def main():
    random = np.random.default_rng(20260711)
    n = 60
    one = np.ones(n)
    depth = random.integers(0, 2, n).astype(float)
    width = random.integers(0, 3, n).astype(float)
    heads = random.standard_normal(n)
    kinds = random.integers(0, 4, n)
    dummies = [(kinds == k).astype(float) for k in range(1, 4)]
    quiet = 3 * depth + width + random.standard_normal(n)
    skewed = 3 * depth + width - random.exponential(1, n) ** 2
    base = [one, depth, width, depth * width]
    cases = [
        nested("dead kinds", quiet, base, dummies, random),
        nested("dead kinds, skewed errors", skewed, base, dummies, random),
        nested("a live number", quiet + 0.4 * heads, base, [heads], random),
        nested("a live number, skewed errors", skewed + 0.5 * heads, base, [heads], random),
        nested("depth itself", quiet, [one, width], [depth], random),
        nested("a redundant column", quiet, base + [1 - depth], [heads, depth * 2], random),
        nested("nearly collinear", quiet, base, [heads, heads + 1e-4 * random.standard_normal(n)], random),
        nested("large numbers", 1e6 + quiet, [one, 1e5 + 10 * depth], [1e4 + heads], random),
    ]
    noncentral = [
        {"f": f, "q": q, "d": d, "noncentrality": c, "p": float(ncf.cdf(f, q, d, c))}
        for f, q, d in [(0.32, 5, 479), (1.0, 1, 463), (3.9, 2, 30), (15.0, 3, 100), (200.0, 2, 170)]
        for c in [0.5, 4.0, 30.0, 400.0]
    ]
    p = [0.001, 0.04, 0.03, 0.9, 0.2, 0.0004, 0.04]
    corrected = {
        "p": p,
        "holm": multipletests(p, method="holm")[1].tolist(),
        "benjamini_hochberg": multipletests(p, method="fdr_bh")[1].tolist(),
    }
    groups = {
        "nested": cases,
        "noncentral": noncentral,
        "corrected": [corrected],
        "process": [process(random)],
    }
    # One case per line, so that a changed case is a changed line.
    text = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]"
        for name, cases in groups.items()
    )
    FIXTURE.write_text("{\n" + text + "\n}\n")
    print(f"{FIXTURE}: {sum(map(len, groups.values()))} cases")


if __name__ == "__main__":
    main()
