"""How well a perfect predictor could rank noisy scores.

    python benches/ceiling.py 0.719 0.870 77

The arguments are tau and rho between two trainings of one network and how many
networks they were measured on (`lpzero truth audit`, "another training of the
network"). If expected score and noise are normal, two trainings correlate at
r = sin(pi tau / 2) = 2 sin(pi rho / 6). The expected score, which nothing can
predict better than exactly, correlates with one training at sqrt(r). Intervals:
the same after drawing as many pairs of trainings again.
"""

import math
import sys

import numpy

DRAWS = 4000
SEED = 0


def ceiling(r):
    """Tau and rho of the expected score with the score of one training."""
    with_one = math.sqrt(max(r, 0.0))
    return 2 / math.pi * math.asin(with_one), 6 / math.pi * math.asin(with_one / 2)


def ranks(x):
    return numpy.argsort(numpy.argsort(x))


def tau(x, y):
    signs = numpy.sign(x[:, None] - x) * numpy.sign(y[:, None] - y)
    return signs.sum() / (len(x) * (len(x) - 1))


def main():
    measured = {"tau": float(sys.argv[1]), "rho": float(sys.argv[2])}
    pairs = int(sys.argv[3])
    inverse = {
        "tau": lambda tau: math.sin(math.pi * tau / 2),
        "rho": lambda rho: 2 * math.sin(math.pi * rho / 6),
    }
    random = numpy.random.default_rng(SEED)
    for name, value in measured.items():
        r = inverse[name](value)
        drawn = []
        for _ in range(DRAWS):
            first = random.normal(size=pairs)
            second = r * first + math.sqrt(1 - r * r) * random.normal(size=pairs)
            again = (
                tau(first, second)
                if name == "tau"
                else numpy.corrcoef(ranks(first), ranks(second))[0, 1]
            )
            drawn.append(ceiling(inverse[name](again)))
        low, high = numpy.quantile(drawn, [0.025, 0.975], axis=0)
        best = ceiling(r)
        print(
            f"{name} {value:.3f} between trainings: r {r:.3f}; a perfect predictor has "
            f"tau {best[0]:.3f} ({low[0]:.3f} .. {high[0]:.3f}), "
            f"rho {best[1]:.3f} ({low[1]:.3f} .. {high[1]:.3f})"
        )


main()
