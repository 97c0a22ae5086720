"""Reductions by the kernel of the host and by PyTorch, over every layout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import lpzero
from lpzero._lpzero import moments, pair_moments
from lpzero.torch.reduce import Reductions, device_moments
from lpzero.torch.roles import Place

LAYOUTS: dict[str, Callable[[], torch.Tensor]] = {
    "vector": lambda: torch.randn(1000),
    "matrix": lambda: torch.randn(700, 900),
    "turned": lambda: torch.randn(900, 700).t(),
    "part of a turned": lambda: torch.randn(900, 2100)[:, 700:1400].t(),
    "all but the last": lambda: torch.randn(3, 41, 700)[:, :-1],
    "a share of the features": lambda: torch.randn(3, 40, 600)[..., 200:400],
    "probabilities": lambda: torch.randn(2, 4, 90, 90).softmax(-1),
    "swapped": lambda: torch.randn(3, 200, 30).transpose(1, 2),
    "expanded": lambda: torch.randn(1, 200, 30).expand(4, 200, 30),
    "one column": lambda: torch.randn(50, 1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_host_reduces_a_tensor_as_pytorch_does(layout: str) -> None:
    torch.manual_seed(0)
    x = LAYOUTS[layout]()
    place = Place(None, "other", 0)
    traces = []
    for kernel in (True, False):
        reductions = Reductions()
        reductions.use_host_kernel = kernel
        reductions.tensor(place, "A", x)
        reductions.weight(Place(None, "other", 1), x, 2 - x)
        traces.append(reductions.finish({}))
    host, device = ([row["moments"] for row in trace.tensors] for trace in traces)
    assert len(host) == len(device) == 4
    assert np.allclose(host, device, rtol=1e-6, atol=1e-4)
    for trace in traces:
        points, _ = trace.sample(None, "other", 0, "A")
        assert points == traces[0].sample(None, "other", 0, "A")[0]
        # A trace keeps 16 bits of each element of its sample.
        assert set(points) <= set(x.flatten().bfloat16().float().tolist())
    exact = x.double()
    expected = [x.numel(), exact.sum(), exact.abs().sum(), exact.square().sum()]
    assert host[0][:4] == pytest.approx([float(e) for e in expected], rel=1e-5, abs=1e-3)


def test_no_bit_depends_on_the_number_of_threads() -> None:
    x = np.random.default_rng(0).standard_normal((900, 1100), dtype=np.float32)
    for turned in (False, True):
        single = moments(x, turned, 1), pair_moments(x, x[::-1].copy(), turned, 1)
        for threads in (2, 3, 8):
            several = moments(x, turned, threads), pair_moments(x, x[::-1].copy(), turned, threads)
            assert single == several


def test_arrays_that_cannot_be_read_are_refused() -> None:
    x = np.zeros((4, 6), dtype=np.float32)
    with pytest.raises(lpzero.LpzeroError, match="rows have gaps"):
        moments(x[:, ::2], False, 1)
    with pytest.raises(lpzero.LpzeroError, match="without elements"):
        moments(x[:0], False, 1)
    with pytest.raises(lpzero.LpzeroError, match="different shape"):
        pair_moments(x, x[:2], False, 1)
    with pytest.raises(lpzero.LpzeroError, match="only a matrix"):
        moments(np.zeros((2, 2, 2), dtype=np.float32), True, 1)


def test_moments_of_a_nan_say_so_on_the_host_and_on_a_device() -> None:
    x = torch.tensor([[1.0, float("nan")], [2.0, -3.0]])
    nine = device_moments(x)
    assert torch.isnan(nine[1]) and np.isnan(moments(x.numpy(), False, 1)[1])
