"""Tokens counted by what they are: those that a mask lets through, and those between a prompt and an end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Counted", "is_floating", "tokens_in", "tokens_out"]


class Counted(NamedTuple):
    """What was generated.

    Attributes:
        tokens: Of all rows together.
        rows: How many sequences there are.
        are_ended: Of each, whether it came to an end by itself.
    """

    tokens: int
    rows: int
    are_ended: list[bool]


def tokens_in(given: Mapping[str, Any], *, pad: Any, end: Any) -> int | None:
    """Count the tokens of a prompt.

    Args:
        given: The arguments of a generation.
        pad: The id of the padding.
        end: The ids of the end.

    Returns:
        The tokens; None for what is not made of tokens, such as sound.
    """
    mask: Any = given.get("attention_mask")
    ids: Any = next((given[name] for name in ("inputs", "input_ids") if given.get(name) is not None), None)
    if ids is not None and is_floating(ids):
        ids = None
    embedded: Any = given.get("inputs_embeds")
    if ids is None and embedded is None:
        return None
    if mask is not None:
        return int(mask.sum())
    if ids is None:
        return int(embedded.shape[0]) * int(embedded.shape[1])
    every = [token for row in _rows(ids) for token in row]
    if pad is None or pad in _ends(end):
        return len(every)
    return int(sum(token != pad for token in every))


def tokens_out(
    sequences: Any, given: Mapping[str, Any], *, is_encoder_decoder: bool, start: Any, pad: Any, end: Any
) -> Counted:
    """Count the tokens that were generated.

    Args:
        sequences: What came back, a row for each sequence.
        given: The arguments of the generation.
        is_encoder_decoder: Whether the prompt is not among what comes back.
        start: The id that such a model begins with.
        pad: The id of the padding.
        end: The ids of the end.
    """
    rows, ends = _rows(sequences), _ends(end)
    prompt = _prompt_length(given, is_encoder_decoder=is_encoder_decoder)
    tokens, are_ended = 0, []
    for row in rows:
        begin = prompt
        if is_encoder_decoder and not prompt and row and row[0] == start:
            begin = 1
        made = row[begin:]
        last = next((at for at, token in enumerate(made) if token in ends), None)
        if last is not None:
            made = made[: last + 1]
        else:
            while made and pad is not None and made[-1] == pad and pad not in ends:
                made = made[:-1]
        tokens += len(made)
        are_ended.append(last is not None)
    return Counted(tokens, len(rows), are_ended)


def _prompt_length(given: Mapping[str, Any], *, is_encoder_decoder: bool) -> int:
    names = ("decoder_input_ids",) if is_encoder_decoder else ("inputs", "input_ids")
    ids = next((given[name] for name in names if given.get(name) is not None), None)
    if ids is None or is_floating(ids):
        return 0
    return int(ids.shape[-1])


def _ends(end: Any) -> frozenset[int]:
    if end is None:
        return frozenset()
    if hasattr(end, "tolist"):
        end = end.tolist()
    return frozenset(end) if isinstance(end, list | tuple | set) else frozenset({end})


def _rows(ids: Any) -> Sequence[list[int]]:
    listed = ids.tolist()
    return listed if listed and isinstance(listed[0], list) else [listed]


def is_floating(tensor: Any) -> bool:
    """Tell whether a tensor holds no ids but numbers: sound, a forecast, embeddings."""
    ask = getattr(tensor, "is_floating_point", None)
    return bool(ask()) if callable(ask) else False
