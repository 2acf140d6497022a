"""The architectures that are tried, by task."""

from __future__ import annotations

from benchmarks.compatibility.architecture import Architecture
from benchmarks.compatibility.listed.classification import CLASSIFICATION
from benchmarks.compatibility.listed.depth import DEPTH
from benchmarks.compatibility.listed.detection import DETECTION
from benchmarks.compatibility.listed.embedding import EMBEDDING
from benchmarks.compatibility.listed.generation import GENERATION
from benchmarks.compatibility.listed.pictures import PICTURES
from benchmarks.compatibility.listed.segmentation import SEGMENTATION

ARCHITECTURES: tuple[Architecture, ...] = (
    *CLASSIFICATION,
    *DETECTION,
    *SEGMENTATION,
    *DEPTH,
    *EMBEDDING,
    *PICTURES,
    *GENERATION,
)

FAST: tuple[str, ...] = (
    "ViTForImageClassification",
    "DeiTForImageClassification",
    "BeitForImageClassification",
    "Data2VecVisionForImageClassification",
    "ViTMSNForImageClassification",
    "IJepaForImageClassification",
    "Dinov2ForImageClassification",
    "Dinov2WithRegistersForImageClassification",
    "SiglipForImageClassification",
    "CLIPForImageClassification",
    "HieraForImageClassification",
    "PvtForImageClassification",
    "PoolFormerForImageClassification",
    "YolosForObjectDetection",
    "SegformerForSemanticSegmentation",
    "EomtForUniversalSegmentation",
    "DepthAnythingForDepthEstimation",
    "ViTModel",
    "Dinov2Model",
    "DINOv3ViTModel",
    "DINOv3ConvNextModel",
    "CLIPVisionModelWithProjection",
    "SiglipVisionModel",
    "BlipVisionModel",
    "CLIPTextModelWithProjection",
    "SiglipTextModel",
    "VitPoseForPoseEstimation",
    "BlipForConditionalGeneration",
)
"""The third that is tried in each run of the tests, as TorchScript: a trial takes less than a second."""

FAST_AS_ONNX: tuple[str, ...] = ("ViTForImageClassification", "SiglipTextModel")
"""Those of ``FAST`` that are tried as ONNX too."""
