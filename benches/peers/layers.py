"""Token mixers and blocks. Shapes: B batch, T positions, C width, n heads of
width dh."""

import math

import torch
import torch.nn.functional as F
from torch import nn

ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}


def variant(value):
    """(name, fields) of an enum as serde writes it: a string or a one-key object."""
    return (value, {}) if isinstance(value, str) else next(iter(value.items()))


def split_heads(x, heads):
    """(B, T, n * dh) -> (B, n, T, dh)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x):
    """(B, n, T, dh) -> (B, T, n * dh)."""
    return x.transpose(1, 2).flatten(2)


def attend(query, key, value, heads, causal):
    """Multi-head softmax attention over (B, T, n * dh) tensors."""
    q, k, v = (split_heads(x, heads) for x in (query, key, value))
    return merge_heads(F.scaled_dot_product_attention(q, k, v, is_causal=causal))


class Attention(nn.Module):
    """Softmax attention; `weighted` puts one more map on the queries."""

    def __init__(self, width, causal, heads, weighted):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.weighting = nn.Linear(width, width, bias=False) if weighted else None

    def forward(self, x):
        query = self.query(x)
        if self.weighting is not None:
            query = self.weighting(query)
        return attend(query, self.key(x), self.value(x), self.heads, self.causal)


def dct_matrix(size):
    """The unnormalised DCT-II: 2 cos(pi k (2n + 1) / (2N)) at (k, n)."""
    n = torch.arange(size, dtype=torch.float64)
    matrix = 2 * torch.cos(math.pi * n[:, None] * (2 * n[None, :] + 1) / (2 * size))
    return matrix.float()


class LinearTransform(nn.Module):
    """A linear map, then a fixed transform over (positions, head width).

    PyTorch has no cosine transform. At these sizes two products with the DCT
    matrix are faster than one by way of a Fourier transform.
    """

    def __init__(self, width, heads, transform):
        super().__init__()
        self.heads, self.kind = heads, transform
        self.transform = nn.Linear(width, width)
        self.dct = {}

    def cosine(self, size):
        if size not in self.dct:
            self.dct[size] = dct_matrix(size)
        return self.dct[size]

    def forward(self, x):
        h = split_heads(self.transform(x), self.heads)
        if self.kind == "fourier":
            return merge_heads(torch.fft.fft2(h).real)
        rows, columns = self.cosine(h.shape[-2]), self.cosine(h.shape[-1])
        return merge_heads(rows @ (h @ columns.T))


class Convolution(nn.Module):
    """The maps of a span-based dynamic convolution."""

    def __init__(self, width, heads, inner, kernel):
        super().__init__()
        self.depthwise = nn.Conv1d(
            width, width, kernel, padding=kernel // 2, groups=width, bias=False
        )
        self.pointwise = nn.Linear(width, inner)
        self.kernel = nn.Linear(inner, heads * kernel)
        self.output = nn.Linear(width, inner)


class DynamicConvolution(nn.Module):
    """ConvBERT's mixed attention (Jiang et al. 2020): half of the heads attend,
    the other half convolve with predicted kernels."""

    def __init__(self, width, heads, kernel):
        super().__init__()
        self.heads, self.size = max(heads // 2, 1), kernel
        inner = self.heads * (width // heads)
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.value = nn.Linear(width, inner)
        self.convolution = Convolution(width, self.heads, inner, kernel)

    def forward(self, x):
        batch, positions, _ = x.shape
        query, key, value = self.query(x), self.key(x), self.value(x)
        maps = self.convolution
        conv_key = maps.pointwise(maps.depthwise(x.transpose(1, 2)).transpose(1, 2))
        logits = maps.kernel(conv_key * query)
        kernels = logits.view(batch, positions, self.heads, 1, self.size).softmax(-1)
        # Windows (B, T, n, dh, kernel) are views. Multiply and add is an order
        # of magnitude faster here than F.unfold and a batched product.
        half = self.size // 2
        values = F.pad(maps.output(x), (0, 0, half, half))
        windows = values.unfold(1, self.size, 1).unflatten(2, (self.heads, -1))
        convolved = (windows * kernels).sum(-1).flatten(2)
        return torch.cat(
            [attend(query, key, value, self.heads, causal=False), convolved], -1
        )


class Block(nn.Module):
    """A token mixer and a feed-forward network, pre-norm or post-norm."""

    def __init__(self, architecture, spec):
        super().__init__()
        width, epsilon = architecture["width"], architecture["norm_epsilon"]
        self.pre = architecture["norm_placement"] == "pre"
        mixer, fields = variant(spec["mixer"])
        norms = {"0": nn.LayerNorm(width, epsilon), "1": nn.LayerNorm(width, epsilon)}
        self.out = nn.Linear(width, width)
        if mixer == "attention":
            self.mixer = Attention(width, architecture["kind"] == "decoder", **fields)
        elif mixer == "dynamic-convolution":
            self.mixer = DynamicConvolution(width, **fields)
        else:
            self.mixer = LinearTransform(width, **fields)
            self.out = None
            del norms["0"]
        self.norm = nn.ModuleDict(norms)
        widths = [width, *spec["feed_forward"]["hidden"], width]
        self.ffn = nn.ModuleList(map(nn.Linear, widths[:-1], widths[1:]))
        self.activation = ACTIVATIONS[spec["feed_forward"]["activation"]]

    def feed_forward(self, x):
        for layer in self.ffn[:-1]:
            x = self.activation(layer(x))
        return self.ffn[-1](x)

    def forward(self, x):
        norm = self.norm
        if self.out is None:
            x = self.mixer(x)
            return norm["1"](x + self.feed_forward(x))
        if self.pre:
            x = x + self.out(self.mixer(norm["0"](x)))
            return x + self.feed_forward(norm["1"](x))
        x = norm["0"](x + self.out(self.mixer(x)))
        return norm["1"](x + self.feed_forward(x))
