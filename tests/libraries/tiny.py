"""Models of random weights, so small that they are made and run within a second on a processor."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as BytesDecoder
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import ByteLevel, Whitespace

__all__ = [
    "converted_hearing_model",
    "hearing_model",
    "hearing_tokenizer",
    "image_pipeline",
    "language_model",
    "sequence_model",
    "tokenizer",
    "video_pipeline",
]


def image_pipeline() -> Any:
    """Make a pipeline that paints pictures of 64 by 64."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        norm_num_groups=2,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=[4, 8],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        norm_num_groups=2,
    )
    text_encoder = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            bos_token_id=0,
            eos_token_id=2,
            pad_token_id=1,
            hidden_size=32,
            intermediate_size=37,
            num_attention_heads=4,
            num_hidden_layers=2,
            vocab_size=1000,
        )
    )
    return diffusers.StableDiffusionPipeline(
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=_clip_tokenizer(),
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )


def video_pipeline() -> Any:
    """Make a pipeline that films nine frames of 16 by 16."""
    torch.manual_seed(0)
    transformer = diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    vae = diffusers.AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    config = transformers.T5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    return diffusers.WanPipeline(
        transformer=transformer,
        vae=vae,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder=transformers.T5EncoderModel(config),
        tokenizer=tokenizer(),
    )


def language_model() -> Any:
    """Make a model that goes on with a text."""
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=100,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def sequence_model() -> Any:
    """Make a model that answers a text with another."""
    torch.manual_seed(0)
    return transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=100,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=1,
            num_heads=2,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        )
    )


def hearing_model() -> Any:
    """Make a Whisper, with the tokens of :func:`hearing_tokenizer`."""
    torch.manual_seed(0)
    words = hearing_tokenizer()
    end = words.token_to_id("<|endoftext|>")
    model = transformers.WhisperForConditionalGeneration(
        transformers.WhisperConfig(
            vocab_size=words.get_vocab_size(),
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            d_model=16,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            decoder_start_token_id=words.token_to_id("<|startoftranscript|>"),
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=end,
            suppress_tokens=None,
            begin_suppress_tokens=None,
        )
    )
    model.generation_config.no_timestamps_token_id = words.token_to_id("<|notimestamps|>")
    return model


def converted_hearing_model(folder: Path) -> Path:
    """Write the same model as ctranslate2 has it, for faster-whisper.

    Args:
        folder: Where to.

    Returns:
        The folder of the model, in that.
    """
    from ctranslate2.converters import TransformersConverter  # noqa: PLC0415 - not wherever this module is

    written, converted = folder / "written", folder / "ear"
    hearing_model().save_pretrained(written)
    marks = {f"{name}_token": "<|endoftext|>" for name in ("bos", "eos", "pad", "unk")}
    transformers.PreTrainedTokenizerFast(tokenizer_object=hearing_tokenizer(), **marks).save_pretrained(written)
    transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(written)
    files = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(written), copy_files=files).convert(str(converted), quantization="float32")
    return converted


def hearing_tokenizer() -> Any:
    """Make the tokens of a Whisper that hears English: single bytes, its marks, and every fiftieth of a second."""
    alphabet = {byte: number for number, byte in enumerate(sorted(ByteLevel.alphabet()))}
    made = Tokenizer(BPE(vocab=alphabet, merges=[]))
    made.pre_tokenizer, made.decoder = ByteLevel(add_prefix_space=False), BytesDecoder()
    marks = ["endoftext", "startoftranscript", "en", "translate", "transcribe", "startoflm", "startofprev", "nospeech"]
    marks.append("notimestamps")
    made.add_special_tokens([f"<|{mark}|>" for mark in marks])
    made.add_special_tokens([f"<|{number * 0.02:.2f}|>" for number in range(1501)])
    return made


def tokenizer() -> Any:
    """Make a tokenizer of whole words: a, b, c and so on."""
    words = ["<pad>", "</s>", "<unk>", *(chr(letter) for letter in range(ord("a"), ord("z") + 1))]
    made = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))  # noqa: S106 - no password
    made.pre_tokenizer = Whitespace()
    ends = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **ends)


def _clip_tokenizer() -> Any:
    folder = Path(tempfile.mkdtemp())
    vocabulary = {"<|startoftext|>": 0, "<pad>": 1, "<|endoftext|>": 2}
    for letter in "abcdefghijklmnopqrstuvwxyz":
        for piece in (letter, f"{letter}</w>"):
            vocabulary[piece] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
