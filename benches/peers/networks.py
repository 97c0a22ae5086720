"""The networks of crates/nn as PyTorch modules, written to be fast.

Everything a PyTorch user would reach for is used: fused attention, fused layer
norms and losses, an adaptive softmax that scores only what it must. What the
layers compute is defined in tools/networks.py; the driver of the benchmark
compares losses and gradients.

Attributes are named so that a parameter's path is its name in a checkpoint
(crates/nn/src/names.rs), up to what `checkpoint_names` renames. Shapes: B batch,
T positions, C width, E embedding width, N rows.
"""

import math

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

from layers import Block, variant


class Table(nn.Embedding):
    """A token table, with the map to the model width that may follow it."""

    def __init__(self, rows, width, model_width=None, bias=False):
        super().__init__(rows, width)
        self.projection = None
        if model_width is not None:
            self.projection = nn.Linear(width, model_width, bias=bias)

    def project(self, x):
        return x if self.projection is None else self.projection(x)


class Embedding(nn.Module):
    """Token tables: one, or one per cluster (Baevski & Auli 2019)."""

    def __init__(self, architecture):
        super().__init__()
        spec, width = architecture["embedding"], architecture["width"]
        self.division, self.cutoffs = spec["division"], spec["cutoffs"]
        self.starts = [0, *self.cutoffs[:-1]]
        self.sizes = [e - s for s, e in zip(self.starts, self.cutoffs)]
        projected = self.division > 1 or spec["width"] != width
        rows = [architecture["vocabulary"]] if self.division == 1 else self.sizes
        for i, count in enumerate(rows):
            narrow = spec["width"] // self.division**i
            to, bias = width if projected else None, spec["projection_bias"]
            self.add_module(str(i), Table(count, narrow, to, bias))
        self.count = len(rows)
        self.norm = None
        if spec["norm"]:
            self.norm = nn.LayerNorm(spec["width"], architecture["norm_epsilon"])

    def table(self, cluster):
        return self.get_submodule(str(cluster if self.division > 1 else 0))

    def cluster_weights(self):
        """The rows of each cluster, all in one backward step where they are
        ranges of one table."""
        if self.count == 1:
            return self.table(0).weight.split(self.sizes)
        return [self.table(i).weight for i in range(self.count)]

    def forward(self, tokens):
        """Token embeddings at model width."""
        if self.count == 1:
            return self.table(0).project(self.table(0)(tokens))
        flat = tokens.flatten()
        rows, parts = [], []
        for i, (start, end) in enumerate(zip(self.starts, self.cutoffs)):
            inside = ((flat >= start) & (flat < end)).nonzero().squeeze(1)
            rows.append(inside)
            parts.append(self.table(i).project(self.table(i)(flat[inside] - start)))
        # Back to the order of the tokens.
        order = torch.empty_like(flat)
        order[torch.cat(rows)] = torch.arange(flat.numel())
        return torch.cat(parts)[order].view(*tokens.shape, -1)


class AdaptiveHead(nn.Module):
    """Adaptive softmax (Grave et al. 2017) over the tables of the embedding.
    Every row is scored by the first cluster; by a further one only the rows
    whose target lies in it."""

    def __init__(self, architecture, embedding):
        super().__init__()
        spec, width = architecture["embedding"], architecture["width"]
        tied = variant(architecture["head"])[1]["tied_projections"]
        self.clusters = len(embedding.cutoffs)
        for i in range(self.clusters):
            owner = embedding.table(i)
            if owner.projection is not None and not tied[i]:
                own = torch.empty(width, owner.embedding_dim)
                own = nn.ParameterDict({"projection": nn.Parameter(own)})
                self.add_module(str(i), own)
        if self.clusters > 1:
            self.cluster = nn.Linear(spec["width"], self.clusters - 1)
        self.bias = nn.Parameter(torch.empty(architecture["vocabulary"]))

    def narrow(self, embedding, i, hidden):
        """(N, C) -> (N, width of cluster i)."""
        if str(i) in self._modules:
            return hidden @ self.get_submodule(str(i))["projection"]
        projection = embedding.table(i).projection
        return hidden if projection is None else hidden @ projection.weight

    def forward(self, embedding, hidden, targets):
        """Mean cross-entropy of targets (N) at hidden states (N, C)."""
        weights = embedding.cluster_weights()
        biases = self.bias.split(embedding.sizes)
        first = embedding.sizes[0]
        classes, total = targets.clone(), 0.0
        for i in range(1, self.clusters):
            start, end = embedding.starts[i], embedding.cutoffs[i]
            rows = ((targets >= start) & (targets < end)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            classes[rows] = first + i - 1
            x = self.narrow(embedding, i, hidden[rows])
            logits = F.linear(x, weights[i], biases[i])
            total = total + F.cross_entropy(
                logits, targets[rows] - start, reduction="sum"
            )
        weight, bias = weights[0], biases[0]
        if self.clusters > 1:
            weight = torch.cat([weight, self.cluster.weight])
            bias = torch.cat([bias, self.cluster.bias])
        logits = F.linear(self.narrow(embedding, 0, hidden), weight, bias)
        total = total + F.cross_entropy(logits, classes, reduction="sum")
        return total / targets.numel()


class TiedHead(nn.Module):
    """Scores through the token table (GPT-2)."""

    def forward(self, embedding, hidden, targets):
        return F.cross_entropy(F.linear(hidden, embedding.table(0).weight), targets)


class MaskedToken(nn.Module):
    """BERT's masked-token objective through the tied token table."""

    def __init__(self, architecture):
        super().__init__()
        width = architecture["embedding"]["width"]
        self.dense = nn.Linear(architecture["width"], width)
        self.norm = nn.LayerNorm(width, architecture["norm_epsilon"])
        self.bias = nn.Parameter(torch.empty(architecture["vocabulary"]))

    def forward(self, embedding, hidden, targets):
        x = self.norm(F.gelu(self.dense(hidden)))
        return F.cross_entropy(
            F.linear(x, embedding.table(0).weight, self.bias), targets
        )


class Network(nn.Module):
    """An architecture with the objective it was made for: next tokens for a
    decoder, masked tokens for an encoder."""

    def __init__(self, architecture):
        super().__init__()
        spec, width = architecture["embedding"], architecture["width"]
        self.positions_inside = spec["position_width"] == "embedding"
        self.scale = math.sqrt(width) if spec["scale_by_root_width"] else None
        self.embedding = Embedding(architecture)
        position_width = spec["width"] if self.positions_inside else width
        self.position = nn.Embedding(architecture["positions"], position_width)
        self.segment = None
        if architecture["token_types"] > 0:
            self.segment = nn.Embedding(architecture["token_types"], position_width)
        self.block = nn.ModuleList(
            Block(architecture, block) for block in architecture["blocks"]
        )
        self.final = nn.ModuleDict()
        if architecture["norm_placement"] == "pre":
            self.final["norm"] = nn.LayerNorm(width, architecture["norm_epsilon"])
        self.causal = architecture["kind"] == "decoder"
        if not self.causal:
            self.objective = MaskedToken(architecture)
        elif architecture["head"] == "tied":
            self.head = TiedHead()
        else:
            self.head = AdaptiveHead(architecture, self.embedding)

    def places(self, positions):
        """What is added to the token embeddings, (T, E or C)."""
        x = self.position.weight[:positions]
        return x if self.segment is None else x + self.segment.weight[0]

    def hidden(self, tokens):
        """The last hidden state (B, T, C)."""
        embedding = self.embedding
        if self.positions_inside:
            x = F.embedding(tokens, embedding.table(0).weight)
            x = x + self.places(tokens.shape[1])
            if embedding.norm is not None:
                x = embedding.norm(x)
            x = embedding.table(0).project(x)
        else:
            x = embedding(tokens)
            if self.scale is not None:
                x = x * self.scale
            x = x + self.places(tokens.shape[1])
        for block in self.block:
            x = block(x)
        return self.final["norm"](x) if "norm" in self.final else x

    def forward(self, tokens, masked, mask_token):
        """The loss of tokens (B, T); `masked` are indices into B * T."""
        if self.causal:
            hidden = self.hidden(tokens)[:, :-1].flatten(0, 1)
            return self.head(self.embedding, hidden, tokens[:, 1:].flatten())
        seen = tokens.flatten().index_fill(0, masked, mask_token).view_as(tokens)
        hidden = self.hidden(seen).flatten(0, 1)[masked]
        return self.objective(self.embedding, hidden, tokens.flatten()[masked])


def checkpoint_names(network):
    """(name in a checkpoint, parameter), each once."""
    for path, module in network.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, nn.Embedding):
                name = "table"
            elif isinstance(module, nn.LayerNorm) and name == "weight":
                name = "gain"
            # The maps of a mixer stand directly under their block.
            yield f"{path}.{name}".replace(".mixer.", "."), parameter


def load(network, path):
    """Takes every parameter from a safetensors file, which must hold no other."""
    with safe_open(path, "pt") as file, torch.no_grad():
        missing = set(file.keys())
        for name, parameter in checkpoint_names(network):
            tensor = file.get_tensor(name)
            assert tensor.shape == parameter.shape, name
            parameter.copy_(tensor)
            missing.remove(name)
    assert not missing, f"tensors without a place: {sorted(missing)}"
