"""Writes the proxy scores that crates/lpzero/tests/library/oracle.rs compares with.

    .venv/bin/python tools/dump_proxies.py

Every proxy is computed from its definition with PyTorch and NumPy, in double
precision, on the networks of `dump_networks.py` (which must have been run) as
`networks.py` defines them: singular values by SVD, determinants by slogdet,
Hessian products by differentiating twice. One JSON object per network.
"""

import json
import pathlib

import blake3
import numpy as np
import torch
from safetensors import safe_open

import networks

FIXTURES = pathlib.Path(__file__).parent.parent / "crates/nn/tests/fixtures"
OUT = pathlib.Path(__file__).parent.parent / "crates/lpzero/tests/fixtures/proxies.json"
# The signs of one gradient are a singular matrix there, and its determinant, which
# "eznas" reads, is what rounding makes of 0: enough to count.
LEFT_OUT = {"qwen2"}
# What the engine masks in one sequence of 7 tokens (seed 0).
MASKED_ALONE = [3]


class Watched(networks.Parameters):
    """Given parameters; keeps inputs and outputs of linear maps by name."""

    def __init__(self, tensors):
        super().__init__(0)
        self.tensors = tensors
        self.inputs, self.outputs, self.probabilities, self.stream = {}, {}, [], []

    def residual(self, x):
        self.stream.append(x)
        return x

    def linear(self, name, x, width, bias=True):
        y = super().linear(name, x, width, bias)
        for kept, value in [(self.inputs, x), (self.outputs, y)]:
            if value.requires_grad:
                value.retain_grad()
            kept[name] = value
        return y


class Flow(Watched):
    """All weights positive, norms the identity."""

    def norm(self, name, x, epsilon, kind="layer"):
        return x


def watched_probabilities(p, probabilities):
    def run(scores, causal):
        p.probabilities.append(probabilities(scores, causal))
        return p.probabilities[-1]

    return run


def loss_of(p, architecture, tokens, masked, mask_token):
    if architecture["kind"] == "encoder":
        return networks.masked_token(p, architecture, tokens, torch.tensor(masked), mask_token)[2]
    return networks.next_token(p, architecture, tokens)[2]


def rows(x):
    return x.detach().numpy().reshape(-1, x.shape[-1])


def random_signs(name, shape):
    """The engine's signs of this name for seed 0: xoshiro256++ from a hash."""
    mask = (1 << 64) - 1
    rotate = lambda x, k: (x << k | x >> (64 - k)) & mask
    state = blake3.blake3(bytes(16) + name.encode()).digest()
    s = [int.from_bytes(state[8 * i : 8 * i + 8], "little") for i in range(4)]
    signs = []
    for _ in range(int(np.prod(shape))):
        result = (rotate((s[0] + s[3]) & mask, 23) + s[0]) & mask
        signs.append(1.0 if result >> 63 else -1.0)
        t = s[1] << 17 & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
    return torch.tensor(signs, dtype=torch.float64).reshape(shape)


def trainability(boundaries):
    """Of the residual stream before, between and after all halves of blocks."""
    found = []
    for i, (start, end) in enumerate(zip(boundaries, boundaries[1:])):
        signs = random_signs(f"signs.{i}", end.shape)
        (g,) = torch.autograd.grad(end, start, signs, retain_graph=True)
        width = end.shape[-1]
        jacobian = g.reshape(-1, width).T @ signs.reshape(-1, width) / signs[..., 0].numel()
        norm = np.linalg.svd(jacobian.numpy(), compute_uv=False).max()
        found.append(2 - norm - 1 / norm)
    return np.mean(found)


def nuclear(x):
    return np.linalg.svd(rows(x), compute_uv=False).sum()


def codes(x):
    return rows(x) > 0


def agreement(x):
    c = codes(x).astype(float)
    return c @ c.T + (1 - c) @ (1 - c).T


def spectrum(x):
    return np.linalg.eigvalsh(np.cov(rows(x), rowvar=False))[::-1].clip(0)


def pca_dimension(x):
    share = np.cumsum(spectrum(x))
    return int(np.argmax(share >= 0.99 * share[-1])) + 1


def pca_entropy(x):
    values = spectrum(x)
    p = values[values > 1e-12 * values[0]] / values.sum()
    return -(p * np.log(p)).sum()


def least_correlation(x):
    m = rows(x)
    return np.linalg.eigvalsh(np.corrcoef(m if m.shape[0] < m.shape[1] else m.T))[0]


def in_use(x):
    m = rows(x)
    return m[np.abs(m).sum(1) > 0]


def row_cosine(x):
    m = in_use(x)
    m = m / np.linalg.norm(m, axis=1, keepdims=True)
    upper = np.triu_indices(len(m), 1)
    return 1 - (np.abs((m @ m.T)[upper]) ** (1 / 20)).mean()


def row_covariance(x, k=1e-5):
    v = np.linalg.eigvalsh(np.corrcoef(in_use(x)))
    return -(np.log(v + k) + 1 / (v + k)).sum()


def shape(x):
    return sorted((x.numel() // x.shape[-1], x.shape[-1]))


def spectral_capacity(x):
    """log det(1 + Wᵀ W) of Xavier matrices: Simpson's rule over the density."""
    small, large = shape(x)
    ratio, scale = small / large, 2 * large / (small + large)
    low, high = (1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2
    # Fine at both ends, where the density is steep.
    t = np.linspace(0, np.pi, 20001)
    v = low + (high - low) * (1 - np.cos(t)) / 2
    density = np.sqrt((high - v) * (v - low)) / (2 * np.pi * ratio * np.maximum(v, 1e-300))
    f = np.log1p(scale * v) * density * (high - low) * np.sin(t) / 2
    step = t[1] - t[0]
    return small * step / 3 * (f[0] + 4 * f[1:-1:2].sum() + 2 * f[2:-1:2].sum() + f[-1])


def spectral_mean(x):
    return (np.linalg.svd(rows(x), compute_uv=False) ** 2).mean()


def sign_logdet(x):
    m = np.sign(rows(x))
    # Singular where there are more rows than columns.
    return np.linalg.slogdet(m @ m.T)[1] if m.shape[0] <= m.shape[1] else -np.inf


def found(weight, gradient):
    return ((weight**2).mean() + (gradient.softmax(0) ** 2).mean()).item()


FOUND = (".value.weight", ".out.weight")
ATTENTION = (".query", ".key", ".relative_key", ".value", ".weighting", ".transform",
             ".convolution", ".out")
HEADS = (".query", ".key", ".value", ".weighting", ".transform")


def scores(path):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    architecture = json.loads(metadata["architecture"])
    tokens = tensors["input.tokens"]
    masked = tensors["input.masked"].tolist() if "input.masked" in tensors else None
    mask_token = int(metadata.get("mask_token", 0))
    weights = {
        key: value.clone().requires_grad_()
        for key, value in tensors.items()
        if not key.startswith(("gradient.", "input.", "output."))
    }
    p = Watched(weights)
    plain_probabilities = networks.probabilities
    networks.probabilities = watched_probabilities(p, plain_probabilities)
    loss = loss_of(p, architecture, tokens, masked, mask_token)
    networks.probabilities = plain_probabilities
    trained = trainability(p.stream)
    names = list(weights)
    gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
    inner = sum((g * g.detach()).sum() for g in gradients)
    products = torch.autograd.grad(inner, list(weights.values()), allow_unused=True)
    G = dict(zip(names, (g.detach() for g in gradients)))
    H = {n: torch.zeros_like(G[n]) if h is None else h for n, h in zip(names, products)}
    W = {n: w.detach() for n, w in weights.items()}
    loss_of(p, architecture, tokens, masked, mask_token).backward()

    maps = [n for n in names if not n.endswith((".bias", ".gain")) and "norm" not in n]
    attn = [n for n in maps if n.startswith("block.") and any(part in n for part in ATTENTION)]
    ffn = [n for n in maps if ".ffn." in n]
    layers = len(architecture["blocks"])
    size = sum(w.numel() for n, w in W.items() if not n.startswith("objective."))
    hidden, first, last = [], [], []
    for i, spec in enumerate(architecture["blocks"]):
        widths = spec["feed_forward"]["hidden"]
        hidden += [p.outputs[f"block.{i}.ffn.{j}"] for j in range(len(widths))]
        first.append(p.outputs[f"block.{i}.ffn.0"])
        last.append(p.outputs[f"block.{i}.ffn.{len(widths)}"])
    heads = [a for n, a in p.outputs.items() if n.startswith("block.") and n.endswith(HEADS)]
    blocks = [a for n, a in p.outputs.items() if n.startswith("block.")]
    # The context of attention is what its out map reads.
    context = [] if "dsc" in path.stem else [x for n, x in p.inputs.items() if n.endswith(".out")]
    saliency = {n: (W[n] * G[n]).abs().sum().item() for n in maps}

    flow = Flow({n: w.abs().requires_grad_() for n, w in W.items()})
    x = torch.ones(1, tokens.shape[1], architecture["width"], dtype=torch.float64)
    for i, spec in enumerate(architecture["blocks"]):
        x = networks.block(flow, architecture, f"block.{i}", x, spec)
    x.sum().backward()
    F = {n: t.grad for n, t in flow.tensors.items() if t.grad is not None and n in maps}
    if all("grouped-attention" in spec["mixer"] for spec in architecture["blocks"]):
        # All rows are equal, so that what they attend to changes nothing: rounding
        # would make up a gradient that grows like the activations.
        F = {n: t for n, t in F.items() if not n.endswith((".query.weight", ".key.weight"))}

    alone = []
    for row in tokens:
        q = Watched({n: w.clone().requires_grad_() for n, w in W.items()})
        loss_of(q, architecture, row[None], MASKED_ALONE, mask_token).backward()
        alone.append({n: q.tensors[n].grad.abs() for n in attn + ffn})
    stacked = {n: torch.stack([g[n] for g in alone]) for n in attn + ffn}

    def ratio(g):
        mean, deviation = g.mean(0), g.std(0, unbiased=False)
        # Saturated units have gradients far below what single precision holds.
        spread = deviation > torch.finfo(torch.float32).tiny
        return (mean[spread] / deviation[spread]).sum().log().item()

    queries = [a for n, a in p.outputs.items() if n.startswith("block.") and n.endswith(".query")]

    result = {
        "lpzero": sum(a.grad.abs().sum().sqrt().item() for a in queries),
        "grad_norm": sum(G[n].norm().item() for n in maps),
        "snip": sum(saliency.values()),
        "synaptic_saliency": sum(saliency[n] for n in ffn),
        "head_importance": sum(saliency[n] for n in attn),
        "plain": sum((W[n] * G[n]).sum().item() for n in maps),
        "grasp": -sum((W[n] * H[n]).sum().item() for n in maps),
        "synflow": sum((flow.tensors[n].detach() * F[n]).abs().sum().item() for n in F),
        "logsynflow": sum((flow.tensors[n].detach() * F[n].abs().log1p()).sum().item() for n in F),
        "zico": sum(ratio(g) for g in stacked.values()),
        "synaptic_diversity": sum(nuclear(W[n]) * nuclear(G[n]) for n in attn),
        "head_confidence": sum(a.detach().amax(1).mean().item() for a in heads),
        "softmax_confidence": sum(s.detach().amax(1).mean().item() for s in p.probabilities),
        "activation_distance": sum(agreement(a).sum() for a in hidden),
        "naswot": sum(np.linalg.slogdet(agreement(a) + np.eye(len(rows(a))))[1] for a in hidden),
        "swap": sum(len(np.unique(codes(a), axis=1).T) for a in hidden),
        "v_pca": sum(pca_dimension(a) for a in first),
        "az_expressivity": sum(pca_entropy(a) for a in last),
        "az_trainability": trained,
        "neural_spectral_capacity": sum(spectral_capacity(W[n]) for n in attn + ffn),
        "zerolm": sum(spectral_mean(W[n]) for n in attn + ffn),
        "eznas": sum(1 / (1 + np.exp(-sign_logdet(G[n]))) for n in attn + ffn),
        "w_pca": size * sum(pca_dimension(a) for a in first),
        "lpzero_gpt2": np.mean([found(W[n], G[n]) for n in ffn + attn if n in ffn or n.endswith(FOUND)]),
        "lpzero_bert": np.mean([(a.detach() ** 2).mean().item() for a in heads]),
    }
    if "position.table" in G:
        result["jacobian_cosine"] = row_cosine(G["position.table"])
        result["jacobian_covariance"] = row_covariance(G["position.table"])
    if "dsc" not in path.stem:
        # A depthwise convolution has an output that no linear map shows.
        result["meco"] = sum(least_correlation(a) for a in blocks + context)
        result["fisher"] = 0.0
        for a in blocks + context:
            channels = (a * a.grad).detach().sum(1)
            result["fisher"] += 0.5 * (channels**2).mean(0).sum().item()
    result = {key: float(value) for key, value in result.items()}
    for key in ["synaptic_saliency", "head_importance", "synaptic_diversity", "head_confidence",
                "softmax_confidence", "activation_distance"]:
        result[f"{key}_per_layer"] = result[key] / layers
    # What cancels is compared on the scale of its terms.
    result["scale"] = {
        "plain": sum(saliency.values()),
        "grasp": sum((W[n] * H[n]).abs().sum().item() for n in maps),
        "eznas": len(attn + ffn),
    }
    return result


def main():
    paths = sorted(FIXTURES.glob("*.safetensors"))
    found = {path.stem: scores(path) for path in paths if path.stem not in LEFT_OUT}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
    print(f"{OUT}: {len(found)} networks, {len(found['gpt2_tied']) - 1} proxies")


if __name__ == "__main__":
    main()
