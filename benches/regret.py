"""What the pick of a score costs: at every size, the loss of the network that a score likes
best, less the lowest loss of a network of that size.

    lpzero score --truth openlm --proxy lpzero --proxy decoder_params --format csv > scores.csv
    python3 benches/regret.py scores.csv crates/truth/src/published/openlm.csv params
    python3 benches/regret.py scores.csv crates/truth/src/published/gemstones.csv params

`scores.csv` needs a column `params` to tell sizes. A size is every network with all whose
parameters are within 5 % of it; sizes that hold one network say nothing. A tie of the score
counts as the mean of those tied. `random` is the mean of all networks of a size.
"""

import csv
import math
import sys


def rows(path):
    with open(path, newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    return list(csv.DictReader(lines))


def losses(path):
    table = rows(path)
    if "heads" in table[0]:
        return {f"d{r['width']}_l{r['blocks']}_h{r['heads']}": float(r["loss"]) for r in table}
    last = max(int(r["tokens"]) for r in table)
    final = [r for r in table if int(r["tokens"]) == last]
    return {f"{r['width']}x{r['blocks']}": float(r["loss"]) for r in final}


def main():
    scores = rows(sys.argv[1])
    known = losses(sys.argv[2])
    size = sys.argv[3]
    columns = [name for name in scores[0] if name != "id"]
    sizes = []
    for centre in scores:
        near = [r for r in scores if abs(math.log(float(r[size]) / float(centre[size]))) < math.log1p(0.05)]
        if len(near) > 1:
            sizes.append(near)
    print(f"{len(sizes)} sizes; mean regret in nats")
    for name in columns:
        regrets = []
        for near in sizes:
            best = max(float(r[name]) for r in near)
            picked = [known[r["id"]] for r in near if float(r[name]) == best]
            lowest = min(known[r["id"]] for r in near)
            regrets.append(sum(picked) / len(picked) - lowest)
        print(f"  {name:20} {sum(regrets) / len(regrets):.4f}")
    random = [sum(known[r["id"]] for r in near) / len(near) - min(known[r["id"]] for r in near) for near in sizes]
    print(f"  {'random':20} {sum(random) / len(random):.4f}")


if __name__ == "__main__":
    main()
