"""Modules that cannot be traced, each refused by one sentence."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from lpzero._lpzero import LpzeroError
from lpzero.errors import LpzeroWarning


class TraceNote(LpzeroWarning):
    """Something that a trace leaves out, and why."""


class ScoreNote(LpzeroWarning):
    """Why a score is not finite."""


def note(message: str) -> None:
    """Tells the caller what was left out."""
    warnings.warn(message, TraceNote, stacklevel=4)


def bare(model: nn.Module) -> nn.Module:
    """The module inside of wrappers: of `torch.compile`, and of data parallelism."""
    while True:
        if type(model).__name__ == "OptimizedModule":
            inner = getattr(model, "_orig_mod", None)
        elif type(model).__name__ in ("DistributedDataParallel", "DataParallel"):
            inner = getattr(model, "module", None)
        else:
            return model
        if not isinstance(inner, nn.Module):
            return model
        model = inner


#: Ends of class names of modules that hold quantised weights.
_QUANTISED = ("Linear8bitLt", "Linear4bit", "QuantLinear", "QuantizedLinear", "FP8Linear")


def check(model: nn.Module) -> None:
    """Refuses a module whose weights or gradients no pass can show.

    Raises:
        LpzeroError: where weights are on the meta device, quantised or sharded.
    """
    for name, module in model.named_modules():
        class_name = type(module).__name__
        if class_name.startswith("FullyShardedDataParallel"):
            raise LpzeroError(f"{name or 'the module'}: sharded by FSDP; gather it first")
        is_quantised = class_name.endswith(_QUANTISED)
        if is_quantised or "quantized" in type(module).__module__:
            raise LpzeroError(
                f"{name or 'the module'}: {class_name} holds quantised weights, which have no "
                "gradients; load the module without quantisation"
            )
    for name, parameter in model.named_parameters():
        if parameter.is_meta:
            raise LpzeroError(f"{name}: on the meta device, which holds no numbers")
        if type(parameter).__name__ == "DTensor" or hasattr(parameter, "device_mesh"):
            raise LpzeroError(f"{name}: sharded over a device mesh; gather it first")
        is_packed = type(parameter.data).__module__.startswith("torchao")
        if is_packed or not parameter.is_floating_point():
            raise LpzeroError(
                f"{name}: quantised weights of type {parameter.dtype} have no gradients; "
                "load the module without quantisation"
            )
    if not any(True for _ in model.parameters()):
        raise LpzeroError("the module has no parameters")


def device_of(model: nn.Module) -> torch.device:
    """Device of the first parameter, where the batch goes."""
    return next(model.parameters()).device
