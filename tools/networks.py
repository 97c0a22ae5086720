"""The networks of crates/nn, written once more in PyTorch.

Plain functions over a dictionary of named tensors, in double precision. They
follow the papers and the architecture description (crates/arch), not the Rust
code, so that the two can disagree. Shapes: B batch, T positions, C width,
E embedding width, V vocabulary, n heads.
"""

import math

import torch
import torch.nn.functional as F


class Parameters:
    """Named leaf tensors, drawn at random on first use.

    Everything is random, biases and norm gains included: a gradient that
    forgets a bias must not pass because the bias was zero.
    """

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors = {}

    def _draw(self, name, shape, mean, std):
        if name not in self.tensors:
            noise = torch.randn(shape, generator=self.generator, dtype=torch.float64)
            self.tensors[name] = (mean + std * noise).requires_grad_()
        assert tuple(self.tensors[name].shape) == tuple(shape), name
        return self.tensors[name]

    def matrix(self, name, *shape):
        return self._draw(name, shape, 0.0, 1.3 / math.sqrt(shape[-1]))

    def bias(self, name, size):
        return self._draw(name, (size,), 0.0, 0.4)

    def linear(self, name, x, width, bias=True):
        return F.linear(
            x,
            self.matrix(f"{name}.weight", width, x.shape[-1]),
            self.bias(f"{name}.bias", width) if bias else None,
        )

    def residual(self, x):
        """The residual stream between halves of blocks; for those who watch."""
        return x

    def norm(self, name, x, epsilon, kind="layer"):
        width = x.shape[-1]
        gain = self._draw(f"{name}.gain", (width,), 1.0, 0.3)
        if kind == "rms":
            return gain * x / (x.square().mean(-1, keepdim=True) + epsilon).sqrt()
        return F.layer_norm(x, (width,), gain, self.bias(f"{name}.bias", width), epsilon)


ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": lambda x: x * torch.sigmoid(x),
}


def variant(value):
    """(name, fields) of an enum as serde writes it: a string or a one-key object."""
    return (value, {}) if isinstance(value, str) else next(iter(value.items()))


def split_heads(x, heads):
    """(B, T, C) -> (B, n, T, C / n)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x):
    """(B, n, T, dh) -> (B, T, n * dh)."""
    return x.transpose(1, 2).flatten(2)


def probabilities(scores, causal):
    """Attention probabilities of scores (B, n, T, T)."""
    if causal:
        positions = scores.shape[-1]
        future = torch.ones(positions, positions, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(future, -torch.inf)
    return scores.softmax(-1)


def attention(query, key, value, heads, causal):
    """Multi-head softmax attention over (B, T, width) tensors."""
    q, k, v = (split_heads(x, heads) for x in (query, key, value))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return merge_heads(probabilities(scores, causal) @ v)


def encoded_distances(positions, width):
    """(T, C): row d encodes the distance d, sines then cosines of d times
    10000^(-2i/C) (Vaswani et al. 2017; the order of Dai et al. 2019)."""
    frequencies = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], -1)


def relative_attention(p, name, x, heads):
    """Attention of Transformer-XL (Dai et al. 2019, section 3.3) over (B, T, C)
    without a memory, before the output map.

    Every pair of positions gets its score by itself: terms (a) and (c) of the
    paper from the key of j, (b) and (d) from the key of the distance i - j."""
    positions, width = x.shape[1:]
    maps = ("query", "key", "value")
    query, key, value = (p.linear(f"{name}.{role}", x, width, bias=False) for role in maps)
    distances = encoded_distances(positions, width)[None]
    relative = p.linear(f"{name}.relative_key", distances, width, bias=False)
    u, v = (p.bias(f"{name}.query.{term}.bias", width) for term in ("content", "position"))

    content, position = split_heads(query + u, heads), split_heads(query + v, heads)
    k, r, values = (split_heads(t, heads) for t in (key, relative, value))
    i, j = torch.arange(positions)[:, None], torch.arange(positions)[None]
    # (n, i, j, dh): the key of each pair's distance; no query sees a later j.
    pairs = r[0][:, (i - j).clamp(0)]
    scores = torch.einsum("bnid,bnjd->bnij", content, k)
    scores = scores + torch.einsum("bnid,nijd->bnij", position, pairs)
    scores = scores / math.sqrt(width // heads)
    return merge_heads(probabilities(scores, True) @ values)


def rotary_frequencies(rotary, width):
    """(d / 2) frequencies in radians per position (Su et al. 2021), scaled as
    Chen et al. 2023 ("linear") or Llama 3.1 do, which looks at wavelengths."""
    kind, fields = variant(rotary["scaling"])
    frequencies = []
    for i in range(0, width, 2):
        frequency = rotary["base"] ** (-i / width)
        if kind == "linear":
            frequency /= fields["factor"]
        elif kind == "llama3":
            wavelength, length = 2 * math.pi / frequency, fields["original_positions"]
            longest, shortest = length / fields["low"], length / fields["high"]
            if wavelength > longest:
                frequency /= fields["factor"]
            elif wavelength >= shortest:
                smooth = (length / wavelength - fields["low"]) / (fields["high"] - fields["low"])
                frequency *= (1 - smooth) / fields["factor"] + smooth
        frequencies.append(frequency)
    return torch.tensor(frequencies, dtype=torch.float64)


def turned(x, rotary):
    """Heads (B, n, T, d) with each pair of features (i, i + d / 2) turned by the
    angle of its position: a product of complex numbers."""
    half = x.shape[-1] // 2
    angles = torch.outer(
        torch.arange(x.shape[-2], dtype=torch.float64), rotary_frequencies(rotary, x.shape[-1])
    )
    points = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([points.real, points.imag], -1)


def grouped_attention(p, name, x, fields, norm, causal):
    """Attention of LLaMA and its descendants over (B, T, C), before the output
    map: each head of queries by itself, with the key head of its group (Ainslie
    et al. 2023)."""
    heads, width = fields["heads"], fields["head_width"]
    group = heads // fields["key_value_heads"]
    bias = fields["biases"] != "none"

    def map_of(role, count):
        return split_heads(p.linear(f"{name}.{role}", x, count * width, bias), count)

    query = map_of("query", heads)
    key, value = (map_of(role, fields["key_value_heads"]) for role in ("key", "value"))
    if fields["normed"]:
        query, key = norm(f"{name}.query.norm", query), norm(f"{name}.key.norm", key)
    query, key = turned(query, fields["rotary"]), turned(key, fields["rotary"])
    key, value = (x.split(1, 1) for x in (key, value))
    # (B, n, T, T): each head with the keys of its group.
    scores = [query[:, head, None] @ key[head // group].mT for head in range(heads)]
    found = probabilities(torch.cat(scores, 1) / math.sqrt(width), causal)
    contexts = [found[:, head] @ value[head // group][:, 0] for head in range(heads)]
    return torch.cat(contexts, -1)


def dct_matrix(size):
    """The unnormalised DCT-II: 2 cos(pi k (2n + 1) / (2N)) at (k, n)."""
    n = torch.arange(size, dtype=torch.float64)
    return 2 * torch.cos(math.pi * n[:, None] * (2 * n[None, :] + 1) / (2 * size))


def transform_2d(x, transform):
    """The fixed transform over the last two axes."""
    if transform == "fourier":
        return torch.fft.fft2(x).real
    return dct_matrix(x.shape[-2]) @ x @ dct_matrix(x.shape[-1]).T


def dynamic_convolution(p, name, x, heads, kernel):
    """ConvBERT's mixed attention (Jiang et al. 2020), before the output map."""
    batch, positions, width = x.shape
    heads, head_width = max(heads // 2, 1), width // heads
    inner = heads * head_width
    query, key, value = (p.linear(f"{name}.{role}", x, inner) for role in ("query", "key", "value"))

    depthwise = F.conv1d(
        x.transpose(1, 2),
        p.matrix(f"{name}.convolution.depthwise.weight", width, 1, kernel),
        padding=kernel // 2,
        groups=width,
    ).transpose(1, 2)
    conv_key = p.linear(f"{name}.convolution.pointwise", depthwise, inner)
    logits = p.linear(f"{name}.convolution.kernel", conv_key * query, heads * kernel)
    kernels = logits.unflatten(-1, (heads, kernel)).softmax(-1)

    values = p.linear(f"{name}.convolution.output", x, inner)
    # (B, inner, T) -> windows (B, T, n, dh, kernel)
    windows = F.unfold(
        values.transpose(1, 2).unsqueeze(-1), (kernel, 1), padding=((kernel - 1) // 2, 0)
    )
    windows = windows.transpose(1, 2).view(batch, positions, heads, head_width, kernel)
    convolved = (windows @ kernels.unsqueeze(-1)).view(batch, positions, inner)
    return torch.cat([attention(query, key, value, heads, False), convolved], -1)


def feed_forward(p, name, x, spec):
    """C -> hidden widths in turn -> C; gated: down(f(gate(x)) * up(x))."""
    width, bias = x.shape[-1], spec.get("bias", True)
    activation = ACTIVATIONS[spec["activation"]]
    if spec.get("gated", False):
        (hidden,) = spec["hidden"]
        gate = activation(p.linear(f"{name}.ffn.gate", x, hidden, bias))
        return p.linear(f"{name}.ffn.1", gate * p.linear(f"{name}.ffn.0", x, hidden, bias), width, bias)
    for i, hidden in enumerate(spec["hidden"]):
        x = activation(p.linear(f"{name}.ffn.{i}", x, hidden, bias))
    return p.linear(f"{name}.ffn.{len(spec['hidden'])}", x, width, bias)


def norm_of(p, architecture):
    """The norm of a network, as a function of (name, x)."""
    kind = architecture.get("norm_kind", "layer")
    return lambda name, x: p.norm(name, x, architecture["norm_epsilon"], kind)


def block(p, architecture, name, x, spec):
    """One transformer block, pre-norm or post-norm."""
    pre = architecture["norm_placement"] != "post"
    causal = architecture["kind"] == "decoder"
    width = architecture["width"]
    mixer, fields = variant(spec["mixer"])

    def norm(index, x):
        return norm_of(p, architecture)(f"{name}.norm.{index}", x)

    if mixer == "transform":
        h = split_heads(p.linear(f"{name}.transform", x, width), fields["heads"])
        x = p.residual(merge_heads(transform_2d(h, fields["transform"])))
        return norm(1, x + feed_forward(p, name, x, spec["feed_forward"]))

    y = norm(0, x) if pre else x
    if mixer == "attention":
        query = p.linear(f"{name}.query", y, width)
        if fields["weighted"]:
            query = p.linear(f"{name}.weighting", query, width, bias=False)
        key, value = (p.linear(f"{name}.{role}", y, width) for role in ("key", "value"))
        y = attention(query, key, value, fields["heads"], causal)
    elif mixer == "relative-attention":
        y = relative_attention(p, name, y, fields["heads"])
    elif mixer == "grouped-attention":
        y = grouped_attention(p, name, y, fields, norm_of(p, architecture), causal)
    else:
        y = dynamic_convolution(p, name, y, fields["heads"], fields["kernel"])
    out_bias = mixer != "relative-attention" and fields.get("biases", "all") == "all"
    x = x + p.linear(f"{name}.out", y, width, bias=out_bias)
    if pre:
        x = p.residual(x)
        return x + feed_forward(p, name, norm(1, x), spec["feed_forward"])
    x = p.residual(norm(0, x))
    return norm(1, x + feed_forward(p, name, x, spec["feed_forward"]))


def clusters(architecture):
    """(first token, end token) of each cluster of the token table."""
    ends = architecture["embedding"]["cutoffs"]
    return list(zip([0, *ends[:-1]], ends))


def token_table(p, architecture, cluster):
    """The rows of a cluster; with division 1 the clusters share one table."""
    embedding = architecture["embedding"]
    start, end = clusters(architecture)[cluster]
    if embedding["division"] == 1:
        table = p.matrix("embedding.0.table", architecture["vocabulary"], embedding["width"])
        return table[start:end]
    narrow = embedding["width"] // embedding["division"] ** cluster
    return p.matrix(f"embedding.{cluster}.table", end - start, narrow)


def has_projection(architecture):
    embedding = architecture["embedding"]
    return embedding["division"] > 1 or embedding["width"] != architecture["width"]


def embed_tokens(p, architecture, tokens):
    """Adaptive token embedding at model width (Baevski & Auli 2019)."""
    division, width = architecture["embedding"]["division"], architecture["width"]
    out = torch.zeros(*tokens.shape, width, dtype=torch.float64)
    for i, (start, end) in enumerate(clusters(architecture)):
        x = F.embedding((tokens - start).clamp(0, end - start - 1), token_table(p, architecture, i))
        if has_projection(architecture):
            x = p.linear(f"embedding.{i if division > 1 else 0}.projection", x, width, bias=False)
        inside = (tokens >= start) & (tokens < end)
        out = out + x * inside.unsqueeze(-1)
    return out


def hidden_states(p, architecture, tokens):
    """Last hidden state (B, T, C)."""
    embedding, width = architecture["embedding"], architecture["width"]
    positions = torch.arange(tokens.shape[1])
    if embedding["position_width"] == "embedding":
        x = F.embedding(tokens, token_table(p, architecture, 0))
        x = x + p.matrix("position.table", architecture["positions"], x.shape[-1])[positions]
        x = x + p.matrix("segment.table", architecture["token_types"], x.shape[-1])[0]
        if embedding["norm"]:
            x = norm_of(p, architecture)("embedding.norm", x)
        if has_projection(architecture):
            x = p.linear("embedding.0.projection", x, width, bias=embedding["projection_bias"])
    else:
        x = embed_tokens(p, architecture, tokens)
        if embedding["scale_by_root_width"]:
            x = x * math.sqrt(width)
        if embedding["position_width"] == "model":
            x = x + p.matrix("position.table", architecture["positions"], width)[positions]
    x = p.residual(x)
    for i, spec in enumerate(architecture["blocks"]):
        x = p.residual(block(p, architecture, f"block.{i}", x, spec))
    if architecture["norm_placement"] == "pre":
        x = norm_of(p, architecture)("final.norm", x)
    return x


def adaptive_log_probabilities(p, architecture, hidden):
    """(head-cluster logits, log-probabilities (N, V)) of hidden states (N, C)
    by the adaptive softmax (Grave et al. 2017)."""
    embedding = architecture["embedding"]
    division, width, count = embedding["division"], hidden.shape[-1], len(embedding["cutoffs"])
    tied = variant(architecture["head"])[1]["tied_projections"]

    def project(i):
        if not has_projection(architecture):
            return hidden
        narrow = embedding["width"] // division**i
        if tied[i]:
            owner = f"embedding.{i if division > 1 else 0}.projection.weight"
        else:
            owner = f"head.{i}.projection"
        return hidden @ p.matrix(owner, width, narrow)

    def scores(i):
        table = token_table(p, architecture, i)
        start, end = clusters(architecture)[i]
        bias = p.bias("head.bias", architecture["vocabulary"])[start:end]
        if i == 0:
            table = torch.cat([table, p.matrix("head.cluster.weight", count - 1, table.shape[1])])
            bias = torch.cat([bias, p.bias("head.cluster.bias", count - 1)])
        return project(i) @ table.T + bias

    logits = scores(0)
    first = embedding["cutoffs"][0]
    head = logits.log_softmax(-1)
    parts = [head[:, :first]]
    for i in range(1, count):
        parts.append(head[:, first + i - 1, None] + scores(i).log_softmax(-1))
    return logits, torch.cat(parts, -1)


def next_token(p, architecture, tokens):
    """Mean cross-entropy of token t + 1 at position t, within each row.
    Returns (hidden, logits, loss)."""
    hidden = hidden_states(p, architecture, tokens)
    states, targets = hidden[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    if architecture["head"] == "tied":
        logits = states @ token_table(p, architecture, 0).T
        return hidden, logits, F.cross_entropy(logits, targets)
    if architecture["head"] == "free":
        logits = states @ p.matrix("head.weight", architecture["vocabulary"], states.shape[-1]).T
        return hidden, logits, F.cross_entropy(logits, targets)
    logits, log_probabilities = adaptive_log_probabilities(p, architecture, states)
    return hidden, logits, F.nll_loss(log_probabilities, targets)


def masked_token(p, architecture, tokens, masked, mask_token):
    """Mean cross-entropy at the masked positions (indices into B * T), through
    dense, GELU, norm and the tied token table. Returns (hidden, logits, loss)."""
    seen = tokens.flatten().clone()
    seen[masked] = mask_token
    hidden = hidden_states(p, architecture, seen.view_as(tokens))
    table = token_table(p, architecture, 0)
    x = F.gelu(p.linear("objective.dense", hidden.flatten(0, 1)[masked], table.shape[1]))
    x = p.norm("objective.norm", x, architecture["norm_epsilon"])
    logits = x @ table.T + p.bias("objective.bias", table.shape[0])
    return hidden, logits, F.cross_entropy(logits, tokens.flatten()[masked])
