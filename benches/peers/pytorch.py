"""PyTorch as the peer of the engine benchmark, one workload per process.

Reads commands from standard input and answers each with one line of JSON:

    versions        Python, PyTorch, threads
    prepare TASK    builds what the JSON file TASK describes
    run             one iteration: seconds, and the loss where there is one
    memory          bytes resident before `prepare`, and at the highest after it
    check           one more iteration: the loss and the norm of every gradient
    quit

PyTorch runs as shipped: its own number of threads, its own libraries.
"""

import gc
import json
import pathlib
import platform
import sys
import time

import torch

from networks import Network, checkpoint_names, load


def resident(field):
    """A field of /proc/self/status in bytes; None where there is no such file."""
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        return None
    for line in status.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    return None


def reset_high_water_mark():
    """Makes VmHWM start again from what is resident now."""
    clear = pathlib.Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


class Pass:
    """Forward and backward; gradients of all parameters."""

    def __init__(self, task):
        self.network = Network(task["architecture"])
        load(self.network, task["weights"])
        tokens = torch.tensor(task["tokens"])
        self.tokens = tokens.view(task["batch"], task["positions"])
        self.masked = torch.tensor(task["masked"], dtype=torch.int64)
        self.mask_token = task["mask_token"]

    def run(self):
        self.network.zero_grad(set_to_none=True)
        loss = self.network(self.tokens, self.masked, self.mask_token)
        loss.backward()
        return loss.item()

    def check(self):
        loss, norms = Pass.run(self), {}
        for name, parameter in checkpoint_names(self.network):
            gradient = parameter.grad
            norms[name] = 0.0 if gradient is None else gradient.double().norm().item()
        return {"loss": loss, "gradients": norms}


class Update(Pass):
    """The same, clipped, and an update with AdamW: what decays are matrices and tables."""

    def __init__(self, task):
        super().__init__(task)
        parameters = list(self.network.parameters())
        groups = [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.01},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=1e-4, fused=True)

    def run(self):
        loss = super().run()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        return loss


class Normals:
    """Standard normal numbers from a seeded generator, into memory that is there already."""

    def __init__(self, task):
        torch.manual_seed(0)
        self.values = torch.empty(task["elements"])

    def run(self):
        self.values.normal_()


class Product:
    """A matrix product into memory that is there already."""

    def __init__(self, task):
        rows, inner, columns = task["shape"]
        self.a, self.b = torch.randn(rows, inner), torch.randn(inner, columns)
        self.out = torch.empty(rows, columns)

    def run(self):
        torch.mm(self.a, self.b, out=self.out)


KINDS = {"pass": Pass, "update": Update, "normals": Normals, "product": Product}


def prepare(path):
    task = json.loads(pathlib.Path(path).read_text())
    prepared = KINDS[task["kind"]](task)
    del task
    gc.collect()
    reset_high_water_mark()
    return prepared


def run(prepared):
    start = time.perf_counter()
    loss = prepared.run()
    return {"seconds": time.perf_counter() - start, "loss": loss}


def versions():
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "mkl": torch.backends.mkl.is_available(),
    }


def main():
    idle, prepared = None, None
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "quit":
            break
        if command == "prepare":
            idle = resident("VmRSS")
            prepared = prepare(argument)
            answer = {}
        elif command == "run":
            answer = run(prepared)
        elif command == "check":
            answer = prepared.check()
        elif command == "memory":
            answer = {"idle": idle, "peak": resident("VmHWM")}
        elif command == "versions":
            answer = versions()
        else:
            sys.exit(f"unknown command {command!r}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
