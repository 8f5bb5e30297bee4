"""A file of llama.cpp's with random weights, so small that it is written and read within a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import gguf
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PARAMETERS", "write_model"]

_TOKENS, _WIDTH, _INNER, _HEADS = 300, 32, 64, 2
# two tables of tokens, four square matrices and three of the inner layer, three norms
PARAMETERS: Final = 2 * _TOKENS * _WIDTH + 4 * _WIDTH**2 + 3 * _WIDTH * _INNER + 3 * _WIDTH
_BYTE, _NORMAL, _UNKNOWN, _CONTROL = 6, 1, 2, 3


def write_model(file: Path) -> None:
    """Write a model of one layer that goes on with a text; every byte is a token.

    Args:
        file: Where to.
    """
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    words = [f"\N{LOWER ONE EIGHTH BLOCK}w{number}" for number in range(_TOKENS - 259)]
    writer.add_token_list(["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words])
    writer.add_token_scores([0.0] * _TOKENS)
    writer.add_token_types([_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * len(words)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)

    square, tall, wide = (_WIDTH, _WIDTH), (_INNER, _WIDTH), (_WIDTH, _INNER)
    shapes = {"token_embd": (_TOKENS, _WIDTH), "output": (_TOKENS, _WIDTH)}
    shapes |= {f"blk.0.attn_{name}": square for name in ("q", "k", "v", "output")}
    shapes |= {"blk.0.ffn_gate": tall, "blk.0.ffn_up": tall, "blk.0.ffn_down": wide}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", (random.standard_normal(shape) * 0.1).astype(np.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(_WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
