"""Small checkpoints of real architectures with random weights, as `save_pretrained` writes them, for `turnout adopt`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers as hf

LABELS = {"id2label": {0: "circle", 1: "square", 2: "star"}, "label2id": {"circle": 0, "square": 1, "star": 2}}
TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1], "layer_type": "basic"}


def _stages(config: Any) -> Any:
    config.out_features = [f"stage{number}" for number in range(1, 5)]
    return config


def vit() -> tuple[Any, Any]:
    model = hf.ViTForImageClassification(hf.ViTConfig(**TINY, image_size=64, patch_size=16, **LABELS))
    return model, hf.ViTImageProcessorPil(size={"height": 64, "width": 64})


def resnet() -> tuple[Any, Any]:
    model = hf.ResNetForImageClassification(hf.ResNetConfig(**RESNET, **LABELS))
    return model, hf.ConvNextImageProcessorPil(size={"shortest_edge": 64}, crop_pct=0.875)


def detr() -> tuple[Any, Any]:
    config = hf.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=_stages(hf.ResNetConfig(**RESNET)),
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_queries=10,
        **LABELS,
    )
    return hf.DetrForObjectDetection(config), hf.DetrImageProcessorPil(size={"shortest_edge": 96, "longest_edge": 160})


def yolos() -> tuple[Any, Any]:
    config = hf.YolosConfig(**TINY, image_size=[96, 128], patch_size=16, num_detection_tokens=10, **LABELS)
    return hf.YolosForObjectDetection(config), hf.YolosImageProcessorPil(size={"shortest_edge": 96, "longest_edge": 128})


def segformer() -> tuple[Any, Any]:
    config = hf.SegformerConfig(
        hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16, depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], **LABELS
    )
    return hf.SegformerForSemanticSegmentation(config), hf.SegformerImageProcessorPil(size={"height": 64, "width": 64})


def dpt() -> tuple[Any, Any]:
    config = hf.DPTConfig(
        **{**TINY, "num_hidden_layers": 4},
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
        is_hybrid=False,
    )
    return hf.DPTForDepthEstimation(config), hf.DPTImageProcessorPil(size={"height": 64, "width": 64})


def dinov2() -> tuple[Any, Any]:
    config = hf.Dinov2Config(
        **{key: value for key, value in TINY.items() if key != "intermediate_size"}, image_size=56, patch_size=14
    )
    processor = hf.BitImageProcessorPil(size={"shortest_edge": 64}, crop_size={"height": 56, "width": 56})
    return hf.Dinov2Model(config), processor


def clip() -> tuple[Any, Any]:
    text = {**TINY, "vocab_size": 99, "max_position_embeddings": 16, "eos_token_id": 98, "bos_token_id": 97, "pad_token_id": 1}
    vision = {**TINY, "image_size": 32, "patch_size": 8, "projection_dim": 16}
    config = hf.CLIPConfig(text_config={**text, "projection_dim": 16}, vision_config=vision, projection_dim=16)
    processor = hf.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return hf.CLIPModel(config), processor


def siglip() -> tuple[Any, Any]:
    text = {**TINY, "vocab_size": 99, "max_position_embeddings": 16, "projection_size": 32}
    config = hf.SiglipConfig(text_config=text, vision_config={**TINY, "image_size": 32, "patch_size": 8})
    return hf.SiglipModel(config), hf.SiglipImageProcessorPil(size={"height": 32, "width": 32})


def blip() -> tuple[Any, Any]:
    text = {
        **TINY,
        "vocab_size": 99,
        "max_position_embeddings": 24,
        "bos_token_id": 97,
        "sep_token_id": 98,
        "eos_token_id": 98,
        "pad_token_id": 0,
        "encoder_hidden_size": 32,
    }
    config = hf.BlipConfig(text_config=text, vision_config={**TINY, "image_size": 32, "patch_size": 8}, projection_dim=16)
    model = hf.BlipForConditionalGeneration(config)
    model.generation_config.max_length = 12
    return model, hf.BlipImageProcessorPil(size={"height": 32, "width": 32})


def swin() -> tuple[Any, Any]:
    config = hf.SwinConfig(image_size=64, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4, **LABELS)
    return hf.SwinForImageClassification(config), hf.ViTImageProcessorPil(size={"height": 64, "width": 64})


def mask2former() -> tuple[Any, Any]:
    backbone = hf.SwinConfig(image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4)
    config = hf.Mask2FormerConfig(
        backbone_config=_stages(backbone),
        backbone=None,
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        dim_feedforward=16,
        num_queries=6,
        **LABELS,
    )
    return hf.Mask2FormerForUniversalSegmentation(config), hf.Mask2FormerImageProcessorPil(size={"height": 64, "width": 64})


QUESTION = ["what", "is", "in", "the", "picture", "?"]
WORDS = [*QUESTION, "a", "red", "green", "blue", "small", "large", "box", "circle", "star", "on", "left", "right", "of"]


def _lively(model: Any) -> Any:
    """Return ``model`` with weights so large that its texts depend on the picture and the prompt."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "relative_attention_bias" in name:
                weight.normal_(0, 4)
            elif name.endswith("shared.weight"):
                weight.normal_(0, 1)
            elif weight.dim() > 1:
                weight.normal_(0, (2 if "ttention" in name else 1.3) / weight[0].numel() ** 0.5)
    return model


def _pieces() -> Any:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *((f"▁{word}", -2.0) for word in WORDS)]
    return hf.T5Tokenizer(vocab=pieces, extra_ids=0)


def _pix2struct(**settings: Any) -> tuple[Any, Any]:
    tokenizer = _pieces()
    sizes = {"hidden_size": 32, "d_kv": 16, "d_ff": 64}
    text = {**sizes, "vocab_size": len(tokenizer), "num_layers": 2, "num_heads": 2}
    text |= {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}
    vision = {**sizes, "patch_embed_hidden_size": 192, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8}
    config = hf.Pix2StructConfig(
        text_config=text, vision_config=vision, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, is_vqa=False
    )
    model = _lively(hf.Pix2StructForConditionalGeneration(config))
    model.generation_config.max_length = 12
    pictures = {"max_patches": 48, "patch_size": {"height": 8, "width": 8}, **settings}
    return model, hf.Pix2StructProcessor(hf.Pix2StructImageProcessorPil(**pictures), tokenizer)


def pix2struct() -> tuple[Any, Any]:
    return _pix2struct()


def pix2struct_vqa() -> tuple[Any, Any]:
    return _pix2struct(is_vqa=True)


def instructblip() -> tuple[Any, Any]:
    tokenizer = _pieces()
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    t5 = {"model_type": "t5", "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    t5 |= {"vocab_size": len(tokenizer), "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}
    reader = {**TINY, "encoder_hidden_size": 32, "vocab_size": len(words), "max_position_embeddings": 24}
    config = hf.InstructBlipConfig(
        vision_config={**TINY, "image_size": 32, "patch_size": 8},
        qformer_config=reader,
        text_config=t5,
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = _lively(hf.InstructBlipForConditionalGeneration(config))
    model.generation_config.max_length = model.language_model.generation_config.max_length = 12
    pictures = hf.BlipImageProcessorPil(size={"height": 32, "width": 32})
    return model, hf.InstructBlipProcessor(pictures, tokenizer, hf.BertTokenizer(vocab=words), num_query_tokens=4)


BUILDERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    build.__name__: build
    for build in (
        *(vit, resnet, swin, detr, yolos, segformer, mask2former, dpt, dinov2, clip, siglip),
        *(blip, pix2struct, pix2struct_vqa, instructblip),
    )
}


def save(name: str, folder: Path) -> Path:
    """Write the checkpoint ``name`` below ``folder``; the same weights each time."""
    torch.manual_seed(0)
    model, processor = BUILDERS[name]()
    model.eval().save_pretrained(folder / name)
    processor.save_pretrained(folder / name)
    return folder / name
