"""Exact reductions and samples of tensors, where they lie; one copy to the host a pass.

Sums run in 32-bit floats along rows and in 64-bit floats between them, whatever the type of the
elements. Tensors of 32-bit floats in the memory of the host are reduced by the engine's own
kernel, which reads each once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lpzero._lpzero import Recording, Trace, sketch
from lpzero._lpzero import moments as host_moments
from lpzero._lpzero import pair_moments as host_pair_moments

from .roles import Place

#: Count, sum, sum of |x|, of x^2, of sqrt |x|, minimum, maximum, confidence, code agreement.
Nine = tuple[float, float, float, float, float, float, float, float, float]


class Positions:
    """Where tensors of a shape are sampled, on each device that asked."""

    _known: dict[tuple[int, ...], tuple[np.ndarray, int]] = {}

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
        """Flat positions of points and then fibres, and the number of points."""
        found = cls._known.get(shape)
        if found is None:
            points, fibres, _ = sketch(list(shape))
            flat = np.frombuffer(points + fibres, dtype="<i8")
            if len(cls._known) > 256:
                cls._known.clear()
            found = cls._known[shape] = (flat, len(points) // 8)
        return found


def wide_type(device: torch.device) -> torch.dtype:
    """The widest floats of a device."""
    return torch.float32 if device.type == "mps" else torch.float64


def device_moments(x: Tensor) -> Tensor:
    """Nine moments of a tensor as 64-bit floats on its device, without a copy to the host."""
    x = x if x.dtype in (torch.float32, torch.float64) else x.float()
    if x.dim() == 0:
        x = x.reshape(1)
    rows = x.reshape(-1, x.shape[-1]) if x.dim() > 1 else x.reshape(1, -1)
    wide = wide_type(x.device)
    size = rows.abs()
    smallest, largest = torch.aminmax(rows)
    sums = [
        rows.sum(1).to(wide).sum(),
        size.sum(1).to(wide).sum(),
        # Squares of small gradients vanish in 32 bits.
        torch.linalg.vector_norm(rows, dim=1, dtype=wide).square().sum(),
        size.sqrt_().sum(1).to(wide).sum(),
    ]
    if x.dim() == 1:
        confidence = largest.to(wide)
    else:
        confidence = x.amax(1).to(wide).mean()
    units = x.reshape(-1, x.shape[-1]) if x.dim() > 1 else x.reshape(-1, x.shape[0])
    positive = (units > 0).sum(0).to(wide)
    agreement = (positive.square() + (units.shape[0] - positive).square()).sum()
    count = torch.full((), float(x.numel()), dtype=wide, device=x.device)
    return torch.stack(
        [count, *sums, smallest.to(wide), largest.to(wide), confidence, agreement]
    )


def _laid_out(x: Tensor) -> tuple[np.ndarray, bool]:
    """A tensor on the host as an array with contiguous rows, and whether it is turned."""
    if x.stride(-1) == 1 or x.shape[-1] == 1 and x.is_contiguous():
        return x.numpy(), False
    if x.dim() == 2 and x.stride(0) == 1:
        return x.t().numpy(), True
    return x.contiguous().numpy(), False


def _picked(array: np.ndarray, turned: bool, shape: tuple[int, ...]) -> np.ndarray:
    """The elements of an array at the positions of the sketch."""
    flat, _ = Positions.of(shape)
    if not turned and array.flags.c_contiguous:
        picked: np.ndarray = array.reshape(-1)[flat]
        return picked
    where = np.unravel_index(flat, shape)
    found: np.ndarray = array[tuple(reversed(where))] if turned else array[where]
    return found


def _on_host(x: Tensor) -> bool:
    return x.dtype == torch.float32 and x.device.type == "cpu"


@dataclass
class _Row:
    """A tensor of the trace, as far as it is known before the copy to the host."""

    place: Place
    symbol: str
    shape: tuple[int, ...]
    moments: Nine | None
    sample: np.ndarray | None
    #: Where they stand among what is still on a device.
    device: torch.device | None = None
    slot: int = 0
    offset: int = 0


class _Waiting:
    """Moments and samples on one device."""

    def __init__(self) -> None:
        self.moments: list[Tensor] = []
        self.samples: list[Tensor] = []
        self.length = 0


class Reductions:
    """The tensors of a pass, reduced as they are shown."""

    #: Whether the kernel of the engine may be used; tests compare both.
    use_host_kernel = True

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._waiting: dict[torch.device, _Waiting] = {}
        self._indices: dict[tuple[tuple[int, ...], torch.device], Tensor] = {}
        #: The last tensors that were reduced: an output is often the next map's input.
        self._recent: list[tuple[Tensor, int, _Row]] = []

    def wants(self, place: Place, symbol: str) -> bool:
        """Everything is kept."""
        return True

    def tensor(self, place: Place, symbol: str, x: Tensor) -> None:
        """Reduces an activation, or a gradient with respect to one."""
        x = x.detach()
        if x.numel() == 0:
            return
        known = self._find(x)
        if known is not None:
            row = _Row(place, symbol, known.shape, known.moments, known.sample)
            row.device, row.slot, row.offset = known.device, known.slot, known.offset
            self._rows.append(row)
            return
        row = self._reduced(place, symbol, x)
        self._recent.append((x, x._version, row))
        del self._recent[:-4]

    def _find(self, x: Tensor) -> _Row | None:
        for other, version, row in reversed(self._recent):
            same = other.data_ptr() == x.data_ptr() and other.shape == x.shape
            same = same and other.stride() == x.stride() and other.dtype == x.dtype
            if same and other.device == x.device and version == x._version:
                return row
        return None

    def _reduced(self, place: Place, symbol: str, x: Tensor) -> _Row:
        shape = tuple(x.shape)
        flat, _ = Positions.of(shape)
        if _on_host(x) and self.use_host_kernel:
            array, turned = _laid_out(x)
            nine = host_moments(array, turned, torch.get_num_threads())
            row = _Row(place, symbol, shape, nine, _picked(array, turned, shape))
            self._rows.append(row)
            return row
        x = x.contiguous()
        row = self._deferred(place, symbol, shape, device_moments(x))
        key = (shape, x.device)
        if key not in self._indices:
            self._indices[key] = torch.from_numpy(flat.astype(np.int64)).to(x.device)
        waiting = self._waiting[x.device]
        row.offset = waiting.length
        waiting.samples.append(x.reshape(-1)[self._indices[key]].float())
        waiting.length += len(flat)
        return row

    def _deferred(
        self, place: Place, symbol: str, shape: tuple[int, ...], moments: Tensor
    ) -> _Row:
        waiting = self._waiting.setdefault(moments.device, _Waiting())
        row = _Row(place, symbol, shape, None, None, moments.device, len(waiting.moments))
        waiting.moments.append(moments)
        self._rows.append(row)
        return row

    def probabilities(
        self, place: Place, shape: tuple[int, ...], moments: Tensor, sample: Tensor
    ) -> None:
        """Takes the moments and the sample of attention probabilities, which come in blocks."""
        row = self._deferred(place, "S", shape, moments)
        waiting = self._waiting[moments.device]
        row.offset = waiting.length
        waiting.samples.append(sample.float())
        waiting.length += sample.numel()

    def weight(self, place: Place, weight: Tensor, gradient: Tensor | None) -> None:
        """Reduces a weight, its gradient, and their product."""
        weight = weight.detach()
        if weight.numel() == 0:
            return
        if gradient is None:
            self._reduced(place, "W", weight)
            return
        if weight.dim() > 4:
            weight, gradient = weight.flatten(3), gradient.flatten(3)
        if _on_host(weight) and _on_host(gradient) and self.use_host_kernel:
            shape = tuple(weight.shape)
            pair = [_laid_out(t) for t in (weight, gradient)]
            if pair[0][0].strides != pair[1][0].strides or pair[0][1] != pair[1][1]:
                pair = [(t.contiguous().numpy(), False) for t in (weight, gradient)]
            turned, threads = pair[0][1], torch.get_num_threads()
            nines = host_pair_moments(pair[0][0], pair[1][0], turned, threads)
            for symbol, (array, _), nine in zip("WG", pair, nines):
                sample = _picked(array, turned, shape)
                self._rows.append(_Row(place, symbol, shape, nine, sample))
            self._rows.append(_Row(place, "W*G", (), nines[2], None))
            return
        self._reduced(place, "W", weight)
        self._reduced(place, "G", gradient)
        product = device_moments(weight.float() * gradient.float())
        self._deferred(place, "W*G", (), product)

    def finish(self, scalars: dict[str, float]) -> Trace:
        """The trace: what is still on devices is copied, once for each of them."""
        self._recent.clear()
        moments: dict[torch.device, list[list[float]]] = {}
        samples: dict[torch.device, np.ndarray] = {}
        for device, waiting in self._waiting.items():
            moments[device] = torch.stack(waiting.moments).cpu().tolist()
            if waiting.samples:
                samples[device] = torch.cat(waiting.samples).cpu().numpy()
        recording = Recording()
        for row in self._rows:
            place = (row.place.layer, row.place.role, row.place.index)
            nine, sample = row.moments, row.sample
            if row.device is not None:
                nine = tuple(moments[row.device][row.slot])  # type: ignore[assignment]
            if nine is None:
                continue
            if row.symbol == "W*G":
                recording.saliency(*place, nine)
                continue
            flat, points = Positions.of(row.shape)
            if sample is None:
                device = row.device or torch.device("cpu")
                sample = samples[device][row.offset : row.offset + len(flat)]
            sample = np.ascontiguousarray(sample, dtype=np.float32)
            halves = sample[:points].data, sample[points:].data
            recording.tensor(*place, row.symbol, list(row.shape), nine, *halves)
        return recording.finish(scalars)
