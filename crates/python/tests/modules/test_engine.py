"""The same weights and tokens through the engine and through `lpzero.torch`."""

from __future__ import annotations

import copy
import math
import pathlib
import warnings
from typing import Any

import pytest
import torch
from networks import OF_THE_ENGINE, network, tokens

import lpzero
import lpzero.torch
from lpzero import _lpzero
from lpzero.torch.reduce import Reductions

NAMES = ["count", "sum", "sum_abs", "sum_square", "sum_sqrt_abs", "min", "max", "confidence"]
NAMES.append("code_agreement")
#: Relative difference of moments, and of scores.
MOMENTS, SCORES = 1e-5, 1e-4
PROXIES = [row["proxy"] for row in _lpzero.named_proxies()]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every network, saved as transformers saves it."""
    found = {}
    for name in OF_THE_ENGINE:
        folder = tmp_path_factory.mktemp(name)
        model = network(name)
        model.save_pretrained(folder)
        found[name] = (model, folder)
    return found


def rows(trace: lpzero.Trace) -> dict[tuple[Any, ...], Any]:
    return {(r["layer"], r["role"], r["index"], r["symbol"]): r for r in trace.tensors}


def pair(folders: dict[str, Any], name: str) -> tuple[lpzero.Trace, lpzero.Trace, Any]:
    model, folder = folders[name]
    batch = tokens()
    engine = _lpzero.engine_trace(folder, batch.tolist())
    return engine, lpzero.torch.trace(model, batch), model


def close(a: float, b: float, tolerance: float, scale: float) -> bool:
    return abs(a - b) <= tolerance * max(abs(a), abs(b), scale)


@pytest.mark.parametrize("way", ["host", "device", "double"])
@pytest.mark.parametrize("name", OF_THE_ENGINE)
def test_every_moment_of_every_tensor_is_that_of_the_engine(
    folders: dict[str, Any], name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the kernel of the engine, by PyTorch's, and by PyTorch's in double precision."""
    monkeypatch.setattr(Reductions, "use_host_kernel", way == "host")
    engine, ours, model = pair(folders, name)
    if way == "double":
        ours = lpzero.torch.trace(copy.deepcopy(model).double(), tokens())
    expected, found = rows(engine), rows(ours)
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key].get("shape") == row.get("shape"), key
        theirs, mine = row["moments"], found[key]["moments"]
        # A sum of both signs, and an extreme, is as exact as its terms are large.
        terms = {"sum": theirs[2], "min": theirs[2] / theirs[0], "max": theirs[2] / theirs[0]}
        for number, moment in enumerate(NAMES):
            scale = terms.get(moment, 0.0)
            tolerance = MOMENTS
            if key[1:] in (("query", 0, "D"), ("norm", 2, "D")) and key[0] is not None:
                # The first query of a sequence sees one key, so that its gradient vanishes. The
                # square root of rounding noise is not small, and its sign is any. In double
                # precision only the sign is left.
                noise = {"code_agreement": 0.05}
                if way != "double":
                    noise["sum_sqrt_abs"] = SCORES
                tolerance = noise.get(moment, MOMENTS)
            agrees = close(theirs[number], mine[number], tolerance, scale)
            assert agrees, (key, moment, theirs[number], mine[number])


@pytest.mark.parametrize("name", OF_THE_ENGINE)
def test_scalars_and_samples_are_those_of_the_engine(folders: dict[str, Any], name: str) -> None:
    engine, ours, _ = pair(folders, name)
    for scalar, value in engine.scalars.items():
        assert close(value, ours.scalars[scalar], 1e-6, 0.0), scalar
    for row in engine.tensors:
        if row["symbol"] == "W*G":
            continue
        place = (row["layer"], row["role"], row["index"], row["symbol"])
        size = max(abs(row["moments"][5]), abs(row["moments"][6]))
        for expected, found in zip(engine.sample(*place), ours.sample(*place), strict=True):
            assert len(expected) == len(found), place
            differences = (abs(a - b) for a, b in zip(expected, found))
            # Rounded to 8 bits: what lies between two may fall to either.
            assert max(differences, default=0.0) <= 2**-8 * size, place


@pytest.mark.parametrize("name", OF_THE_ENGINE)
def test_every_proxy_of_a_trace_scores_as_on_the_engines(
    folders: dict[str, Any], name: str
) -> None:
    engine, ours, _ = pair(folders, name)
    answered = 0
    for text in PROXIES:
        proxy = lpzero.Proxy(text)
        if proxy.needs_whole_tensors:
            continue
        expected, found = engine.score(proxy)[0], ours.score(proxy)[0]
        if text == "plain":
            # A sum of both signs: as exact as its terms.
            scale = abs(engine.score(lpzero.Proxy("snip"))[0])
        else:
            scale = 0.0
        if math.isfinite(expected):
            answered += 1
            assert close(expected, found, SCORES, scale), (text, expected, found)
        else:
            assert not math.isfinite(found), text
    assert answered > 15


@pytest.mark.parametrize("name", OF_THE_ENGINE)
def test_every_proxy_of_whole_tensors_scores_as_in_the_engine(
    folders: dict[str, Any], name: str
) -> None:
    model, folder = folders[name]
    proxies = [lpzero.Proxy(text) for text in PROXIES]
    proxies = [proxy for proxy in proxies if proxy.needs_whole_tensors]
    batch = tokens()
    expected = _lpzero.engine_scores(folder, batch.tolist(), proxies)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = lpzero.torch.score(model, batch, proxies)
    compared = 0
    for proxy, (score, _) in zip(proxies, expected, strict=True):
        ours = found[proxy.name]
        if proxy.name == "az_trainability":
            assert math.isnan(ours)
            assert any("az_trainability" in str(w.message) for w in said)
        elif math.isfinite(score):
            compared += 1
            assert close(score, ours, SCORES, 0.0), (proxy.name, score, ours)
        else:
            assert not math.isfinite(ours), proxy.name
    assert compared >= 10


def test_a_grouped_projection_reads_the_same_at_whatever_batch(tmp_path: pathlib.Path) -> None:
    model = network("llama")
    model.save_pretrained(tmp_path)
    for batch in (tokens(1, 2), tokens(5, 17)):
        engine = rows(_lpzero.engine_trace(tmp_path, batch.tolist()))
        ours = rows(lpzero.torch.trace(model, batch, loss="next-token"))
        assert ours.keys() == engine.keys()
        assert all(ours[k].get("shape") == engine[k].get("shape") for k in engine)


def test_attention_that_is_written_out_and_attention_that_is_fused_give_one_trace() -> None:
    traces = []
    for kind in ("sdpa", "eager"):
        model = network("qwen3")
        model.set_attn_implementation(kind)
        traces.append(rows(lpzero.torch.trace(model, tokens())))
    fused, written = traces
    assert fused.keys() == written.keys()
    for key, row in fused.items():
        if key[3] == "S":
            for a, b in zip(row["moments"], written[key]["moments"], strict=True):
                assert close(a, b, MOMENTS, 0.0), key


def test_probabilities_in_blocks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    import lpzero.torch.attention as attention

    model = network("llama")
    whole = rows(lpzero.torch.trace(model, tokens(3, 20)))
    monkeypatch.setattr(attention, "BLOCK", 64)
    parts = lpzero.torch.trace(model, tokens(3, 20))
    again = rows(parts)
    for key, row in whole.items():
        if key[3] != "S":
            continue
        for a, b in zip(row["moments"], again[key]["moments"], strict=True):
            assert close(a, b, MOMENTS, 0.0), key
        points, fibres = parts.sample(*key)
        assert any(points) and torch.tensor(points).max() <= 1
