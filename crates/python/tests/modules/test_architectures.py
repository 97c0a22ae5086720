"""Networks of transformers that the engine does not know."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from networks import FOREIGN, batch_for, network

import lpzero
import lpzero.torch
from lpzero import _lpzero

PROXIES = [row["proxy"] for row in _lpzero.named_proxies()]
ATTENTION = {"query", "key", "value", "out"}
GATED = {"ffn-in", "ffn-gate", "ffn-out"}
PLAIN = {"ffn-in", "ffn-out"}
#: Roles of the first block, beside norms, and how many norms it has.
EXPECTED: dict[str, tuple[set[str], int]] = {
    "gpt_neox": (ATTENTION | PLAIN, 2),
    "opt": (ATTENTION | PLAIN, 2),
    "phi3": (ATTENTION | GATED, 2),
    "gemma3": (ATTENTION | GATED, 6),
    "olmo2": (ATTENTION | GATED, 4),
    "falcon": (ATTENTION | PLAIN, 1),
    "bloom": (ATTENTION | PLAIN, 2),
    "mixtral": (ATTENTION | GATED | {"other"}, 2),
    "qwen3_moe": (ATTENTION | GATED | {"other"}, 4),
    "mamba2": ({"other", "convolution", "out"}, 2),
    "t5": (ATTENTION | PLAIN | {"position"}, 2),
    "roberta": (ATTENTION | PLAIN, 2),
    "deberta_v2": (ATTENTION | PLAIN | {"relative-key", "other"}, 2),
    "vit": (ATTENTION | PLAIN, 2),
    "modernbert": (ATTENTION | GATED, 1),
}


def state(model: torch.nn.Module) -> dict[str, Any]:
    """All that a pass could have changed."""
    modules = list(model.modules())
    hooks = [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in modules
    ]
    leaves = list(model.parameters())
    return {
        "tensors": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "hooks": hooks,
        "tensor hooks": [bool(p._backward_hooks) for p in leaves],
        "gradients": [p.grad for p in leaves],
        "trained": [p.requires_grad for p in leaves],
        "modes": [m.training for m in modules],
        "random": torch.get_rng_state(),
        "forwards": ["forward" in vars(m) for m in modules],
    }


def is_unchanged(model: torch.nn.Module, before: dict[str, Any]) -> bool:
    after = state(model)
    tensors = before.pop("tensors"), after.pop("tensors")
    same = all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    random = torch.equal(before.pop("random"), after.pop("random"))
    return same and random and before == after


@pytest.mark.parametrize("name", FOREIGN)
def test_every_named_proxy_is_finite_or_a_sentence(name: str) -> None:
    model = network(name).train()
    batch = batch_for(name)
    before = state(model)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        scores = lpzero.torch.score(model, batch, PROXIES)
    sentences = [str(w.message) for w in said if w.category is lpzero.torch.ScoreNote]
    assert list(scores) == PROXIES
    for proxy, score in scores.items():
        told = [s for s in sentences if s.startswith(f"{proxy}: not finite: ")]
        assert math.isfinite(score) or len(told) == 1, proxy
        assert all(len(s) > len(f"{proxy}: not finite: ") + 10 for s in told), told
    always = ["params", "decoder_params", "flops", "layers", "grad_norm", "snip", "plain"]
    assert all(math.isfinite(scores[proxy]) for proxy in always)
    finite = sum(map(math.isfinite, scores.values()))
    assert finite >= (22 if name == "mamba2" else 28), (finite, sentences)
    assert is_unchanged(model, before)


@pytest.mark.parametrize("name", FOREIGN)
def test_roles_are_those_of_the_table(name: str) -> None:
    table = lpzero.torch.roles(network(name))
    first = [(role, index) for _, layer, role, index in table if layer == 0]
    roles, norms = EXPECTED[name]
    assert {role for role, _ in first if role != "norm"} == roles
    assert sum(role == "norm" for role, _ in first) == norms
    places = [row[1:] for row in table]
    assert len(set(places)) == len(places), "a place is given once"
    outside = {role for _, layer, role, _ in table if layer is None}
    assert "other" not in outside
    assert "head" in outside and (name == "vit" or "embedding" in outside)
    assert str(table).startswith("module")


@pytest.mark.parametrize("name", ["gpt_neox", "bloom", "falcon", "phi3"])
def test_a_fused_map_is_divided_as_its_module_divides_it(name: str) -> None:
    """Scores of attention from the queries and keys of the trace are the module's own."""
    model = network(name).eval()
    seen: dict[str, torch.Tensor] = {}
    fused = [m for n, m in model.named_modules() if n.endswith(("query_key_value", "qkv_proj"))]
    rows = lpzero.torch.trace(model, batch_for(name)).tensors
    kept = {(r["layer"], r["role"], r["symbol"]): r for r in rows}
    handle = fused[0].register_forward_hook(lambda m, a, y: seen.update(y=y.detach()))
    model(batch_for(name))
    handle.remove()
    heads, width = 2, 8
    y = seen["y"]
    if name == "phi3" or name == "falcon":
        query = y[..., : heads * width]
    else:
        query = y.unflatten(-1, (heads, 3, width))[..., 0, :].flatten(-2)
    assert kept[0, "query", "A"]["shape"] == list(query.shape)
    expected = query.double().sum().item(), query.double().abs().sum().item()
    assert kept[0, "query", "A"]["moments"][1] == pytest.approx(expected[0], rel=1e-5)
    assert kept[0, "query", "A"]["moments"][2] == pytest.approx(expected[1], rel=1e-5)
    total = sum(kept[0, role, "A"]["moments"][2] for role in ("query", "key", "value"))
    assert total == pytest.approx(y.double().abs().sum().item(), rel=1e-5)
