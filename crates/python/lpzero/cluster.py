"""``python -m lpzero.cluster``: a command in shares, on Ray or on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ._lpzero import LpzeroError
from .executors import Executor, Ray, run


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m lpzero.cluster``: :func:`lpzero.executors.run` from a shell."""
    parser = argparse.ArgumentParser(
        prog="python -m lpzero.cluster",
        description="Run a command of lpzero in shares, on Ray or on this machine.",
        epilog="Example: python -m lpzero.cluster --ray auto --out big -- truth build --seeds 3",
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="a cluster of Ray: auto, or ray://HOST:10001")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder of the run")
    parser.add_argument("--shards", type=int, default=64, metavar="N", help="shares [default: 64]")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of a share [default: 1]")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="behind --, without --out and --json")
    asked = parser.parse_args(arguments)
    try:
        pool: Executor = Ray(asked.ray, num_cpus=asked.threads) if asked.ray else ThreadPoolExecutor()
        document = run(asked.command, asked.out, pool, shards=asked.shards, threads=asked.threads)
    except LpzeroError as error:
        print(f"lpzero: {error}", file=sys.stderr)
        return 2
    print(json.dumps(document, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
