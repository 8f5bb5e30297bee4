"""Models of random weights that ComfyUI loads and runs in a second: ``make_models.py COMFYUI FOLDER``, by itself.

A checkpoint of the first Stable Diffusion's kind with one level instead of four, the tiny autoencoder for it, an
upscaler and a LoRA. Of the text encoder, which has one size only, a single norm is in the file: the rest of its weights
are whatever memory has, and what comes out is noise either way.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(comfyui: Path, folder: Path) -> None:
    """Write the models into ComfyUI's folders.

    Args:
        comfyui: ComfyUI's own folder.
        folder: Where ``checkpoints`` and the others are made.
    """
    sys.path.insert(0, str(comfyui))
    sys.argv = [sys.argv[0], "--cpu"]  # ComfyUI reads it as it is imported
    import comfy.options  # noqa: PLC0415 - as above

    comfy.options.enable_args_parsing()
    import comfy.model_management  # noqa: PLC0415 - as above; it is imported before the rest
    import comfy.ops  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel  # noqa: PLC0415
    from comfy.taesd.taesd import TAESD  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415
    from spandrel.architectures.Compact import Compact  # noqa: PLC0415

    torch.manual_seed(0)

    def save(kind: str, name: str, weights: dict[str, torch.Tensor]) -> None:
        path = folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: value.half().contiguous() for key, value in weights.items()}, path)

    def scattered(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {key: torch.randn_like(value) * 0.02 for key, value in weights.items()}

    unet = UNetModel(
        image_size=32,
        in_channels=4,
        model_channels=320,
        out_channels=4,
        num_res_blocks=[1],
        channel_mult=(1,),
        num_heads=8,
        use_spatial_transformer=True,
        transformer_depth=[1],
        transformer_depth_output=[1, 1],
        transformer_depth_middle=1,
        context_dim=768,
        legacy=False,
        operations=comfy.ops.manual_cast,
    ).state_dict()
    painter = {f"model.diffusion_model.{key}": value for key, value in scattered(unet).items()}
    decoder = {f"first_stage_model.{key}": value for key, value in scattered(TAESD().state_dict()).items()}
    norm = "cond_stage_model.transformer.text_model.final_layer_norm"
    text = {f"{norm}.weight": torch.ones(768), f"{norm}.bias": torch.zeros(768)}
    save("checkpoints", "sketch.safetensors", {**painter, **decoder, **text})
    save("checkpoints", "more/photo.safetensors", {**painter, **decoder, **text})
    upscaler = Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=2)
    save("upscale_models", "twice.safetensors", scattered(upscaler.state_dict()))
    query = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"
    ink = {f"{query}.lora_up.weight": torch.randn(320, 2), f"{query}.lora_down.weight": torch.randn(2, 320)}
    save("loras", "ink.safetensors", ink)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
