"""What goes wrong with modules of other people: handled, or refused by a sentence."""

from __future__ import annotations

import math
import os
import warnings
from typing import Any

import pytest
import torch
from networks import VOCABULARY, Parts, network, tokens
from test_architectures import is_unchanged, state
from torch import nn

import lpzero
import lpzero.torch


def rows(trace: lpzero.Trace) -> dict[tuple[Any, ...], Any]:
    return {(r["layer"], r["role"], r["index"], r["symbol"]): r for r in trace.tensors}


def same(a: lpzero.Trace, b: lpzero.Trace, tolerance: float = 1e-5) -> bool:
    left, right = rows(a), rows(b)
    if left.keys() != right.keys():
        return False
    pairs = ((left[k]["moments"], right[k]["moments"]) for k in left)
    return all(
        math.isclose(x, y, rel_tol=tolerance, abs_tol=1e-6)
        for one, other in pairs
        for x, y in zip(one[2:5], other[2:5], strict=True)
    )


def test_tied_weights_are_shown_once_with_their_whole_gradient() -> None:
    model = network("gpt2")
    trace = rows(lpzero.torch.trace(model, tokens()))
    assert (None, "head", 0, "W") not in trace
    found = trace[None, "embedding", 0, "G"]["moments"]
    model.eval()(tokens(), labels=tokens()).loss.backward()
    gradient = model.transformer.wte.weight.grad.double()
    assert found[2] == pytest.approx(gradient.abs().sum().item(), rel=1e-5)


def test_calls_of_a_reused_module_are_numbered_and_its_weight_is_shown_once() -> None:
    class Twice(Parts):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            x = self.table(ids)
            for _ in range(3):
                x = x + self.blocks[0](x)
            logits: torch.Tensor = self.head(self.last(x))
            return logits

    torch.manual_seed(0)
    trace = rows(lpzero.torch.trace(Twice(1), tokens(), loss="next-token"))
    calls = [i for (layer, role, i, symbol) in trace if (layer, symbol) == (0, "A")]
    assert sorted(calls) == [0, 1, 2, 3, 4, 5]
    weights = [i for (layer, role, i, symbol) in trace if (layer, symbol) == (0, "W")]
    assert sorted(weights) == [0, 1]


def test_an_operation_in_place_does_not_change_what_was_seen() -> None:
    traces = []
    for inplace in (False, True):
        torch.manual_seed(0)
        traces.append(lpzero.torch.trace(Parts(inplace=inplace), tokens(), loss="next-token"))
    assert same(*traces)
    assert min(r["moments"][5] for r in traces[1].tensors if r["symbol"] == "A") < 0


def test_checkpointing_gives_the_trace_of_the_module_without_it() -> None:
    plain = lpzero.torch.trace(network("llama"), tokens())
    model = network("llama").train()
    model.gradient_checkpointing_enable()
    assert same(plain, lpzero.torch.trace(model, tokens()))
    assert model.is_gradient_checkpointing and model.training


class Checkpointed(Parts):
    reentrant = False

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.table(ids)
        for block in self.blocks:
            again = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=self.reentrant)
            x = x + again
        logits: torch.Tensor = self.head(self.last(x))
        return logits


def test_a_module_that_computes_blocks_again_is_seen_once() -> None:
    torch.manual_seed(0)
    plain = lpzero.torch.trace(Parts(), tokens(), loss="next-token")
    torch.manual_seed(0)
    assert same(plain, lpzero.torch.trace(Checkpointed(), tokens(), loss="next-token"))


def test_reentrant_checkpointing_is_refused() -> None:
    model = Checkpointed()
    model.reentrant = True
    before = state(model)
    with pytest.raises(lpzero.LpzeroError, match="reentrant; switch that off"):
        lpzero.torch.trace(model, tokens(), loss="next-token")
    assert is_unchanged(model, before)


def test_a_compiled_module_is_its_original() -> None:
    model = network("gpt2")
    plain = lpzero.torch.trace(model, tokens())
    assert same(plain, lpzero.torch.trace(torch.compile(model), tokens()))


def test_a_module_that_was_compiled_in_place_runs_as_written_and_stays_compiled() -> None:
    model = network("gpt2")
    plain = lpzero.torch.trace(model, tokens())
    model.compile()
    call = model._compiled_call_impl
    assert same(plain, lpzero.torch.trace(model, tokens()))
    assert model._compiled_call_impl is call is not None


def test_shards_are_refused() -> None:
    class FullyShardedDataParallel(nn.Module):
        pass

    model = Parts()
    model.blocks.append(FullyShardedDataParallel())
    with pytest.raises(lpzero.LpzeroError, match="blocks.2: sharded by FSDP; gather it first"):
        lpzero.torch.trace(model, tokens(), loss="next-token")


def test_probabilities_that_are_too_many_or_hidden_are_left_out_and_said() -> None:
    import types

    import lpzero.torch.capture as capture

    model = network("llama")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "MOST", 100)
        with pytest.warns(lpzero.torch.TraceNote, match="486 of them in a layer"):
            trace = lpzero.torch.trace(model, tokens())
        assert "S" not in {row["symbol"] for row in trace.tensors}
        trace = lpzero.torch.trace(model, tokens(), attention=True)
        assert "S" in {row["symbol"] for row in trace.tensors}
    trace = lpzero.torch.trace(model, tokens(), attention=False)
    assert "S" not in {row["symbol"] for row in trace.tensors}

    plan = lpzero.torch.plan_of(model)
    kind = "flash_attention_2"
    plan.config = types.SimpleNamespace(**model.config.to_dict(), _attn_implementation=kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lpzero.torch, "plan_of", lambda *_: plan)
        with pytest.warns(lpzero.torch.TraceNote, match="flash_attention_2 hides them"):
            lpzero.torch.trace(model, tokens())


def test_probabilities_are_computed_again_only_where_a_formula_reads_them() -> None:
    import lpzero.torch.attention as attention

    computed: list[int] = []
    original = attention.probability_block

    def counted(*given: Any) -> torch.Tensor:
        computed.append(1)
        return original(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "probability_block", counted)
        lpzero.torch.score(network("llama"), tokens(), ["snip"])
        assert not computed
        lpzero.torch.score(network("llama"), tokens(), ["snip", "softmax_confidence"])
        assert len(computed) == 2


def test_data_parallelism_is_looked_through() -> None:
    os.environ.setdefault("MASTER_ADDR", "localhost")
    os.environ.setdefault("MASTER_PORT", "29521")
    torch.distributed.init_process_group("gloo", rank=0, world_size=1)
    try:
        model = network("gpt2")
        plain = lpzero.torch.trace(model, tokens())
        wrapped = nn.parallel.DistributedDataParallel(model)
        assert same(plain, lpzero.torch.trace(wrapped, tokens()))
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_other_precisions_are_reduced_without_losing_more(kind: torch.dtype) -> None:
    plain = rows(lpzero.torch.trace(network("llama"), tokens()))
    found = rows(lpzero.torch.trace(network("llama").to(kind), tokens()))
    assert plain.keys() == found.keys()
    weight = (0, "ffn-in", 0, "W")
    tolerance = 5e-3 if kind == torch.bfloat16 else 1e-6
    expected = pytest.approx(plain[weight]["moments"][3], rel=tolerance)
    assert found[weight]["moments"][3] == expected


def test_small_gradients_of_half_precision_keep_their_squares() -> None:
    from lpzero.torch.reduce import device_moments

    tiny = torch.full((4, 8), 1e-6, dtype=torch.float16)
    value = float(tiny[0, 0])
    assert device_moments(tiny)[3].item() == pytest.approx(32 * value**2, rel=1e-6)
    smaller = torch.full((4, 8), 1e-30)
    assert device_moments(smaller)[3].item() == pytest.approx(32e-60, rel=1e-5)


def test_autocast_is_as_the_caller_set_it() -> None:
    model = network("llama")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        trace = rows(lpzero.torch.trace(model, tokens()))
    plain = rows(lpzero.torch.trace(model, tokens()))
    key = (0, "ffn-in", 0, "A")
    assert trace[key]["moments"][2] == pytest.approx(plain[key]["moments"][2], rel=0.02)
    assert trace[key]["moments"][2] != plain[key]["moments"][2]


def test_adapters_are_maps_of_their_own_and_frozen_weights_have_no_gradient() -> None:
    peft = pytest.importorskip("peft")
    settings = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"])
    model = peft.get_peft_model(network("llama"), settings)
    with pytest.warns(lpzero.torch.TraceNote, match="weights are frozen"):
        trace = rows(lpzero.torch.trace(model, tokens(), loss="next-token"))
    assert (0, "query", 0, "W") in trace and (0, "query", 0, "G") not in trace
    adapters = [key for key in trace if key[0] == 0 and key[1] == "other" and key[3] == "G"]
    assert len(adapters) == 4


def test_a_frozen_block_is_left_out_and_said() -> None:
    model = network("gpt2")
    model.transformer.h[0].requires_grad_(False)
    with pytest.warns(lpzero.torch.TraceNote, match="6 weights are frozen"):
        trace = rows(lpzero.torch.trace(model, tokens()))
    assert (0, "ffn-in", 0, "W") in trace and (0, "ffn-in", 0, "G") not in trace
    assert (1, "ffn-in", 0, "G") in trace
    model.requires_grad_(False)
    with pytest.raises(lpzero.LpzeroError, match="every parameter is frozen"):
        lpzero.torch.trace(model, tokens())


def test_quantised_weights_are_refused() -> None:
    class Linear4bit(nn.Linear):
        pass

    model = Parts()
    model.head = Linear4bit(8, VOCABULARY)
    with pytest.raises(lpzero.LpzeroError, match="head: Linear4bit holds quantised weights"):
        lpzero.torch.trace(model, tokens(), loss="next-token")
    model = Parts()
    whole = torch.zeros(VOCABULARY, 8, dtype=torch.int8)
    model.head.weight = nn.Parameter(whole, requires_grad=False)
    with pytest.raises(lpzero.LpzeroError, match="quantised weights of type torch.int8"):
        lpzero.torch.trace(model, tokens(), loss="next-token")


def test_experts_that_no_token_reaches_are_left_out() -> None:
    model = network("mixtral")
    for layer in model.model.layers:
        router = layer.mlp.gate
        with torch.no_grad():
            # Of four experts two are chosen, always the same.
            router.weight.zero_()
        router.register_forward_hook(_first_two)
    trace = rows(lpzero.torch.trace(model, tokens()))
    experts = {key[2] for key in trace if key[0] == 0 and key[1] == "ffn-out"}
    assert experts == {0, 1}


def _first_two(module: nn.Module, args: Any, output: Any) -> Any:
    logits, scores, indices = output
    return logits, scores, torch.arange(indices.shape[-1]).expand_as(indices).contiguous()


def test_weights_on_the_meta_device_are_refused() -> None:
    with torch.device("meta"):
        model = Parts()
    with pytest.raises(lpzero.LpzeroError, match="meta device, which holds no numbers"):
        lpzero.torch.trace(model, tokens(), loss="next-token")


def test_what_lies_on_several_devices_is_copied_once_from_each() -> None:
    from lpzero.torch.reduce import Reductions
    from lpzero.torch.roles import Place

    copies: list[int] = []
    reductions = Reductions()
    reductions.use_host_kernel = False
    for index in range(5):
        reductions.tensor(Place(0, "other", index), "A", torch.randn(2, 3, 4))
    original = torch.Tensor.cpu

    def counted(self: torch.Tensor) -> torch.Tensor:
        copies.append(1)
        return original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "cpu", counted)
        trace = reductions.finish({})
    assert len(copies) == 2, "moments and samples"
    assert len(trace.tensors) == 5


def test_a_module_that_fails_in_the_middle_is_left_as_it_was() -> None:
    class Failing(Parts):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            x = self.table(ids) + torch.rand(1)
            self.blocks[0](x)
            raise RuntimeError("in the middle")

    model = Failing().train()
    before = state(model)
    with pytest.raises(RuntimeError, match="in the middle"):
        lpzero.torch.trace(model, tokens(), loss="next-token")
    assert is_unchanged(model, before)

    class InBackward(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("on the way back")

    model = Parts()
    model.last.register_forward_hook(lambda m, a, y: InBackward.apply(y))
    before = state(model)
    with pytest.raises(RuntimeError, match="on the way back"):
        lpzero.torch.trace(model, tokens(), loss="next-token")
    assert is_unchanged(model, before)


def test_gradients_that_were_there_stay() -> None:
    model = Parts()
    model(tokens()).sum().backward()
    before = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    lpzero.torch.trace(model, tokens(), loss="next-token")
    after = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(before) == len(after) > 0
    assert all(torch.equal(a, b) for a, b in zip(before, after))


def test_running_statistics_and_dropout_do_not_move() -> None:
    class Moving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv1d(3, 4, 3)
            self.norm = nn.BatchNorm1d(4)
            self.drop = nn.Dropout(0.5)
            self.last = nn.Linear(4, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.last(self.drop(self.norm(self.first(x))).mean(-1))
            return y

    model = Moving().train()
    before = state(model)
    x, labels = torch.randn(6, 3, 9), torch.arange(6) % 5
    random = torch.get_rng_state()
    before["random"] = random

    def loss(output: torch.Tensor, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(output, labels)

    traces = [lpzero.torch.trace(model, (x,), loss=loss) for _ in range(2)]
    assert traces[0].to_bytes() == traces[1].to_bytes()
    assert is_unchanged(model, before)
    found = rows(traces[0])
    assert found[None, "other", 0, "X"]["shape"] == [6, 9, 3]
    assert found[None, "other", 0, "W"]["shape"] == [4, 3, 3]


def test_globs_give_roles_and_a_glob_that_fits_nothing_is_an_error() -> None:
    given = {"*.0.0": "ffn-in", "blocks.*.0": "ffn-in", "blocks.*.2": "ffn-out"}
    table = lpzero.torch.roles(Parts(), {k: v for k, v in given.items() if k != "*.0.0"})
    assert ("blocks.0.0", 0, "ffn-in", 0) in list(table)
    assert ("head", None, "head", 0) in list(table)
    assert [r for _, _, r, _ in lpzero.torch.roles(Parts())].count("other") == 4
    with pytest.raises(lpzero.LpzeroError, match="fits 'nowhere'"):
        lpzero.torch.roles(Parts(), {"nowhere": "query"})
    with pytest.raises(lpzero.LpzeroError, match="role 'ffn'"):
        lpzero.torch.roles(Parts(), {"*": "ffn"})


def test_losses_by_name_and_by_function_agree_with_the_modules_own() -> None:
    model = network("gpt2")
    ids = tokens()
    own = lpzero.torch.trace(model, {"input_ids": ids, "labels": ids})
    assert same(own, lpzero.torch.trace(model, ids, loss="next-token"))
    assert same(own, lpzero.torch.trace(model, ids))

    def loss(output: Any, batch: Any) -> torch.Tensor:
        logits = output.logits[:, :-1].flatten(0, 1)
        return nn.functional.cross_entropy(logits, batch[:, 1:].flatten())

    by_hand = lpzero.torch.trace(model, ids, loss=loss)
    assert by_hand.scalars["loss"] == pytest.approx(own.scalars["loss"], rel=1e-6)
    with pytest.raises(lpzero.LpzeroError, match="'next': unknown, expected one of next-token"):
        lpzero.torch.trace(model, ids, loss="next")
    with pytest.raises(lpzero.LpzeroError, match="output has no loss"):
        lpzero.torch.trace(Parts(), ids)


def test_scores_that_are_not_finite_are_said() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        scores = lpzero.torch.score(Parts(), tokens(), ["snip", "zico", "synflow"], "next-token")
    assert math.isfinite(scores["snip"])
    assert math.isnan(scores["synflow"])
    text = " ".join(str(w.message) for w in said)
    assert "synflow: not finite: synaptic flow is defined for a stack" in text


def test_a_trace_travels_between_processes_and_ranks() -> None:
    import pickle

    trace = lpzero.torch.trace(Parts(), tokens(), loss="next-token")
    assert pickle.loads(pickle.dumps(trace)).to_bytes() == trace.to_bytes()


def test_attention_of_pytorch_shows_its_weights_and_probabilities() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(VOCABULARY, 8)
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(8, VOCABULARY)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.head(self.encoder(self.table(ids)))
            return y

    trace = rows(lpzero.torch.trace(Encoder(), tokens(), loss="next-token"))
    assert trace[0, "attention", 0, "S"]["shape"] == [3, 2, 9, 9]
    assert trace[0, "attention", 0, "S"]["moments"][1] == pytest.approx(3 * 2 * 9, rel=1e-5)
    assert trace[0, "query", 0, "W"]["shape"] == [8, 8]
    assert trace[0, "out", 0, "G"]["shape"] == [8, 8]
