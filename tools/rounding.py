"""How large the gradients are that FlexiBERT's proxies were released with.

    .venv/bin/python tools/rounding.py

The released loss is the sum of the last hidden state. Behind a LayerNorm of unit gain
and no bias that is 0 whatever the weights, so every gradient vanishes in exact
arithmetic. Prints the norm of all gradients of the blocks in single and in double
precision, for that loss and for a random projection of the same hidden state: four
blocks of self-attention, width 256, feed-forward 1024, drawn with a deviation of .02.
"""

import torch

import networks

ARCHITECTURE = {
    "kind": "encoder", "vocabulary": 1000, "positions": 64, "token_types": 2, "width": 256,
    "embedding": {"width": 128, "cutoffs": [1000], "division": 1, "projection_bias": True,
                  "scale_by_root_width": False, "position_width": "embedding", "norm": True},
    "blocks": 4 * [{"mixer": {"attention": {"heads": 4, "weighted": False}},
                    "feed_forward": {"hidden": [1024], "activation": "gelu"}}],
    "norm_placement": "post", "norm_epsilon": 1e-12, "head": "none",
}


class Released(networks.Parameters):
    """As Hugging Face draws them, in one precision."""

    def __init__(self, precision):
        super().__init__(0)
        self.precision = precision

    def _draw(self, name, shape, mean, std):
        if name not in self.tensors:
            kind = name.rsplit(".", 1)[-1]
            normal = torch.randn(shape, generator=self.generator, dtype=torch.float64)
            value = {"bias": 0 * normal, "gain": torch.ones_like(normal)}.get(kind, 0.02 * normal)
            self.tensors[name] = value.to(self.precision).requires_grad_()
        return self.tensors[name]


def norms(precision):
    p = Released(precision)
    tokens = torch.randint(1000, (4, 64), generator=torch.Generator().manual_seed(1))
    hidden = networks.hidden_states(p, ARCHITECTURE, tokens)
    hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    noise = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    blocks = [w for n, w in p.tensors.items() if n.startswith("block.") and n.endswith(".weight")]
    for loss in [hidden.sum(), (hidden * noise.to(precision)).sum()]:
        gradients = torch.autograd.grad(loss, blocks, retain_graph=True, allow_unused=True)
        yield torch.cat([g.double().flatten() for g in gradients if g is not None]).norm().item()


for precision in [torch.float32, torch.float64]:
    total, projected = norms(precision)
    print(f"{precision}: sum {total:.3g}, random projection {projected:.3g}, "
          f"ratio {total / projected:.2g}")
