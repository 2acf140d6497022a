"""The image processors of transformers that are refused, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

_TORCHVISION = "transformers prepares its pictures with torchvision, whose results differ from Pillow's"
_TILES = "it cuts a picture into a number of tiles that depends on its shape"
_PATCHES = (
    "it cuts a picture into a number of patches that depends on its size, so requests of two pictures do not make a batch"
)
_MASKED = "it gives patches with a mask instead of pixel values, and no step sends these"
_FRAMES = "it prepares several pictures as one input"
_PAIR = "it prepares pairs of pictures"
_SEVERAL = "it prepares several inputs from one picture"


def _all(reason: str, *names: str) -> dict[str, str]:
    return {f"{name}ImageProcessor": reason for name in names}


REFUSALS: Mapping[str, str] = {
    **_all(
        _TORCHVISION,
        *(
            "CHMv2",
            "DINOv3ViT",
            "DepthPro",
            "PI0",
            "PPDocLayoutV2",
            "PPDocLayoutV3",
            "PPDocLayoutV4",
            "PPFormulaNet",
            "PPLCNet",
        ),
        *("PPOCRV5ServerDet", "PPOCRV5ServerRec", "PPOCRV6SmallRec", "RfDetr", "SLANeXt", "Sam2", "Sam3", "Sapiens2", "Tipsv2"),
        "Tipsv2Dpt",
    ),
    **_all(
        _TILES,
        *("Cohere2Vision", "DeepseekOcr2", "GraniteDocling", "Idefics3", "Lfm2Vl", "Llama4", "LlavaNext", "LlavaOnevision"),
        *(
            "MiniCPMOcr",
            "MiniCPMV4_6",
            "Mllama",
            "Molmo2",
            "PerceptionLM",
            "Phi4Multimodal",
            "SmolVLM",
            "Step3p7",
            "UltraVBert",
        ),
        "UnlimitedOcr",
    ),
    **_all(
        _PATCHES,
        *("CohereCompass", "Cosmos3Edge", "Ernie4_5_VLMoe", "Ernie4_5_VL_Moe", "Glm46V", "Glm4v", "Glm5Next", "GlmImage"),
        *("Glmga", "HunYuanVL", "Inkling", "Inkling2", "Kimi_K25", "MiniMaxM3VL", "MuseGlimmer", "NeoMME"),
        *("NemotronH_Omni_Reasoning_V3", "PaddleOCRVL", "Qwen2VL", "VideoLlama3"),
    ),
    **_all(_MASKED, "Gemma4", "Gemma4Unified", "Kosmos2_5", "Siglip2"),
    **_all(_FRAMES, "Idefics2", "Tvp", "VideoMAE", "Vivit"),
    **_all(_PAIR, "EfficientLoFTR", "LightGlue", "SuperGlue"),
    **_all(_SEVERAL, "DeepseekVLHybrid", "Fuyu"),
    **_all("it prepares a trimap together with the picture", "VitMatte"),
    **_all("it needs the boxes of persons together with the picture", "VitPose"),
    **_all("its settings are those of timm, in config.json", "TimmWrapper"),
    **_all("it names no image processor, but transformers' choice of one", "Auto"),
}
