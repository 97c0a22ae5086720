"""Losses by name, and which rows of a batch they look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from lpzero._lpzero import LpzeroError, masked_positions

Batch = Tensor | Mapping[str, Any] | tuple[Any, ...] | list[Any]
Loss = str | Callable[[Any, Any], Tensor] | None

#: Names that a loss may be called by.
NAMES = ("next-token", "masked-token", "classification")
#: What transformers calls the loss of a class, and what it is here.
_OF_TRANSFORMERS = {
    "ForCausalLM": "next-token",
    "ForCausalLMLoss": "next-token",
    "ForMaskedLM": "masked-token",
    "ForMaskedLMLoss": "masked-token",
    "ForSequenceClassification": "classification",
    "ForImageClassification": "classification",
}
#: The vocabulary of `bert-base-uncased`, and its mask token.
_BERT_MASK = (30_522, 103)
#: A label that no loss looks at.
IGNORED = -100


@dataclass
class Rows:
    """Rows of a (batch, positions, ...) tensor that a loss looks at; all where `picked` is
    `None`."""

    picked: Tensor | None = None
    #: Whether they are all positions but the last.
    but_last: bool = False

    def of(self, x: Tensor) -> Tensor:
        """(batch, positions - 1, ...), or (1, rows, ...)."""
        if self.but_last:
            return x[:, :-1]
        if self.picked is None:
            return x
        return x.flatten(0, 1)[self.picked.to(x.device)].unsqueeze(0)

    def suits(self, x: Tensor, shape: tuple[int, int]) -> bool:
        """Whether a tensor has the rows that these are rows of."""
        return x.dim() == 3 and tuple(x.shape[:2]) == shape


@dataclass
class Prepared:
    """A batch as a module is called with it, and its loss."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: From the output of the module to a scalar.
    loss: Callable[[Any], Tensor]
    rows: Rows
    #: Sequences and positions, where the batch has token ids.
    shape: tuple[int, int] | None


def prepare(model: nn.Module, batch: Batch, loss: Loss, device: torch.device) -> Prepared:
    """Makes the arguments and the loss of a pass.

    Raises:
        LpzeroError: where a name is unknown, or labels are missing.
    """
    moved = _moved(batch, device)
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(moved, Tensor):
        key = _first_name(model) if hasattr(model, "config") else None
        args, kwargs = ((), {key: moved}) if key else ((moved,), {})
    elif isinstance(moved, Mapping):
        kwargs = dict(moved)
    else:
        args = tuple(moved)
    tokens = kwargs.get("input_ids", args[0] if args else None)
    is_tokens = isinstance(tokens, Tensor) and tokens.dim() == 2 and not tokens.is_floating_point()
    shape = (tokens.shape[0], tokens.shape[1]) if is_tokens else None  # type: ignore[union-attr]
    if isinstance(loss, str) and loss not in NAMES:
        raise LpzeroError(f"loss {loss!r}: unknown, expected one of {', '.join(NAMES)}")
    if callable(loss):
        function = loss
        return Prepared(args, kwargs, lambda output: function(output, moved), Rows(), shape)
    labels = kwargs.get("labels")
    own = _OF_TRANSFORMERS.get(str(getattr(model, "loss_type", None)))
    ends = (what for end, what in _OF_TRANSFORMERS.items() if type(model).__name__.endswith(end))
    own = own or next(ends, None)
    if type(model).__name__.endswith("LMHeadModel"):
        own = own or "next-token"
    if loss is None and isinstance(labels, Tensor):
        return Prepared(args, kwargs, _own_loss, _label_rows(own, labels), shape)
    name = loss or own
    if name is None or (name == "classification" and labels is None):
        if loss is None:
            return Prepared(args, kwargs, _own_loss, Rows(), shape)
        raise LpzeroError("loss 'classification': the batch has no labels")
    if name == "classification":
        classes = kwargs.pop("labels")
        return Prepared(args, kwargs, lambda o: _cross_entropy(o, classes), Rows(), shape)
    if not is_tokens:
        raise LpzeroError(f"loss {name!r}: the batch has no token ids (batch, positions)")
    kwargs.pop("labels", None)
    assert isinstance(tokens, Tensor)
    if name == "masked-token":
        shown, masked = (tokens, labels) if labels is not None else _masked(model, tokens)
        args, kwargs = _with_tokens(args, kwargs, shown)
        rows = _label_rows(name, masked)
        return Prepared(args, kwargs, lambda o: _cross_entropy(o, masked), rows, shape)
    targets: Tensor = tokens if labels is None else labels
    if tokens.shape[1] < 2:
        raise LpzeroError("loss 'next-token': needs sequences of at least two tokens")

    def next_token(output: Any) -> Tensor:
        return _cross_entropy(output, targets[:, 1:], but_last=True)

    return Prepared(args, kwargs, next_token, _label_rows(name, targets), shape)


def _moved(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {key: _moved(value, device) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        return type(batch)(_moved(value, device) for value in batch)
    return batch


def _first_name(model: nn.Module) -> str | None:
    name = getattr(model, "main_input_name", None)
    return name if isinstance(name, str) else None


def _with_tokens(
    args: tuple[Any, ...], kwargs: dict[str, Any], tokens: Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if "input_ids" in kwargs:
        return args, {**kwargs, "input_ids": tokens}
    return (tokens, *args[1:]), kwargs


def _label_rows(name: str | None, labels: Tensor) -> Rows:
    """Rows that have a label, where it is known how rows and labels stand to each other."""
    if labels.dim() != 2:
        return Rows()
    seen = labels != IGNORED
    if name == "next-token":
        if bool(seen[:, 1:].all()):
            return Rows(but_last=True)
        seen = functional.pad(seen[:, 1:], (0, 1), value=False)
    elif name != "masked-token" or bool(seen.all()):
        return Rows()
    return Rows(picked=seen.flatten().nonzero()[:, 0])


def _masked(model: nn.Module, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens with 15 % of them masked, at the positions of the engine, and labels."""
    batch, positions = tokens.shape
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", None)
    if vocabulary is None:
        raise LpzeroError(
            "loss 'masked-token': the module has no config.vocab_size that says the mask token; "
            "give labels"
        )
    mask = _BERT_MASK[1] if vocabulary == _BERT_MASK[0] else vocabulary - 1
    chosen = torch.tensor(masked_positions(batch, positions, 0), device=tokens.device)
    labels = torch.full_like(tokens.flatten(), IGNORED)
    labels[chosen] = tokens.flatten()[chosen]
    shown = tokens.flatten().clone()
    shown[chosen] = mask
    return shown.view_as(tokens), labels.view_as(tokens)


def logits_of(output: Any) -> Tensor:
    """The logits of a module's output.

    Raises:
        LpzeroError: where there are none.
    """
    if isinstance(output, Mapping) and "logits" in output:
        output = output["logits"]
    elif hasattr(output, "logits"):
        output = output.logits
    elif isinstance(output, (tuple, list)):
        output = output[0]
    if not isinstance(output, Tensor):
        raise LpzeroError("the module's output has no logits; give a loss as a function")
    return output


def _cross_entropy(output: Any, targets: Tensor, but_last: bool = False) -> Tensor:
    logits = logits_of(output)
    logits = logits[:, :-1] if but_last else logits
    wide = logits if logits.dtype == torch.float64 else logits.float()
    classes = wide.shape[-1]
    targets = targets.to(wide.device)
    return functional.cross_entropy(
        wide.reshape(-1, classes), targets.reshape(-1), ignore_index=IGNORED
    )


def _own_loss(output: Any) -> Tensor:
    found = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if found is None and isinstance(output, Tensor) and output.numel() == 1:
        found = output
    if found is None and isinstance(output, (tuple, list)) and output:
        first = output[0]
        found = first if isinstance(first, Tensor) and first.numel() == 1 else None
    if not isinstance(found, Tensor):
        raise LpzeroError(
            "the module's output has no loss: put labels into the batch, or give "
            f"loss={NAMES[0]!r}, another name, or a function"
        )
    return found.reshape(())
