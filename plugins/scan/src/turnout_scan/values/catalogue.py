"""The values that functions of other packages return, by their dotted names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from turnout_scan.values.kinds import Family

LOADERS: Mapping[str, Family] = {
    "torch.load": "torch",
    "torch.jit.load": "torchscript",
    "torch.hub.load": "hub",
    "onnxruntime.InferenceSession": "onnxruntime",
    "transformers.pipeline": "pipeline",
    "transformers.pipelines.pipeline": "pipeline",
    "timm.create_model": "timm",
    "timm.models.create_model": "timm",
    "sentence_transformers.SentenceTransformer": "sentence_transformers",
    "sentence_transformers.CrossEncoder": "sentence_transformers",
    "whisper.load_model": "other",
    "easyocr.Reader": "other",
    "paddleocr.PaddleOCR": "other",
    "insightface.app.FaceAnalysis": "other",
    "rembg.new_session": "other",
    "keras.models.load_model": "other",
    "tensorflow.keras.models.load_model": "other",
    "tensorflow.saved_model.load": "other",
    "torchvision.models.get_model": "torchvision",
    "open_clip.create_model": "open_clip",
    "tritonclient.http.InferenceServerClient": "http_client",
}
FIRST_OF_TUPLE: Mapping[str, Family] = {
    "clip.load": "open_clip",
    "open_clip.create_model_and_transforms": "open_clip",
    "open_clip.create_model_from_pretrained": "open_clip",
}
"""Those that return a tuple whose first item is the model and whose others are its transforms."""

_ULTRALYTICS = re.compile(r"ultralytics(\.models(\.\w+)?)?\.(YOLO|YOLOWorld|YOLOE|RTDETR|SAM|FastSAM|NAS)")
_TORCHVISION = re.compile(r"torchvision\.models(\.\w+)?\.(?!get_|list_)[a-z]\w*")
_PRETRAINED = re.compile(
    r"(?P<package>transformers|diffusers|peft|optimum|open_clip|sentence_transformers)\.([\w.]+\.)?"
    r"(?P<kind>[A-Z]\w*)\.from_pretrained"
)
_PROCESSORS = re.compile(r"(Processor\w*|Tokenizer\w*|FeatureExtractor|ImageProcessor\w*)$")
_NO_MODELS = re.compile(r"(Config|Scheduler|Streamer)$")
_TRANSFORMS = re.compile(r"torchvision\.transforms(\.v2)?\.(Compose|ToTensor|PILToTensor|ToImage)")

TENSORS = re.compile(r"torch\.([a-z]\w*|nn\.functional\.\w+|special\.\w+|linalg\.\w+)")
"""Functions of torch that return a tensor, but for those in ``NO_TENSORS``."""
NO_TENSORS = re.compile(
    r"torch\.(load|save|no_grad|inference_mode|enable_grad|set_\w+|get_\w+|is_\w+|device|dtype|compile|manual_seed|jit|hub|cuda"
    r"|autocast|autograd|equal|allclose|numel|finfo|iinfo|use_deterministic_algorithms|multiprocessing|typename|vmap|seed)"
)
LEAVES_TORCH = frozenset({"numpy", "tolist", "item", "size", "dim", "numel", "element_size", "data_ptr", "is_contiguous"})
"""Methods of a tensor that do not return one."""
SAME_MODEL = frozenset(
    {"eval", "to", "cuda", "cpu", "half", "float", "double", "bfloat16", "requires_grad_", "train", "share_memory", "compile",
     "to_bettertransformer", "to_empty", "type", "channels_last"}
)  # fmt: skip
"""Methods of a module that return the module."""
WRAPPERS = frozenset(
    {"torch.compile", "torch.jit.script", "torch.jit.trace", "torch.jit.optimize_for_inference", "torch.jit.freeze",
     "torch.nn.DataParallel", "torch.nn.parallel.DistributedDataParallel"}
)  # fmt: skip
"""Functions of torch that return their first argument, made faster."""
MODULES = re.compile(
    r"(torch\.nn\.Module|(pytorch_lightning|lightning(\.pytorch)?)\.LightningModule"
    r"|transformers\.\w*(PreTrainedModel|For[A-Z]\w+|Model))$"
)
"""Bases of a class whose instances are torch modules."""
_CALLED: Mapping[Family, frozenset[str]] = {
    "onnxruntime": frozenset({"run", "run_async", "run_with_iobinding", "run_with_ort_values"}),
    "sentence_transformers": frozenset({"encode", "predict", "rank", "similarity"}),
    "ultralytics": frozenset({"", "predict", "track", "embed"}),
    "pipeline": frozenset({"", "predict", "forward"}),
    "diffusers": frozenset({""}),
    "other": frozenset({"", "transcribe", "readtext", "ocr", "get", "predict", "infer"}),
}
_TORCH_CALLED = frozenset(
    {"", "forward", "generate", "encode_image", "encode_text", "get_image_features", "get_text_features", "predict", "infer",
     "sample", "inference"}
)  # fmt: skip


def loader_family(name: str) -> Family | None:
    """Return the family of the model that the function or class ``name`` loads; None if it loads none."""
    if name in LOADERS:
        return LOADERS[name]
    if _ULTRALYTICS.fullmatch(name):
        return "ultralytics"
    if _TORCHVISION.fullmatch(name):
        return "torchvision"
    found = _PRETRAINED.fullmatch(name)
    if found is None or _PROCESSORS.search(found["kind"]) or _NO_MODELS.search(found["kind"]):
        return None
    if found["package"] == "diffusers":
        return "diffusers"
    if found["package"] == "optimum" and found["kind"].startswith("ORT"):
        return "other"
    return "transformers"


def makes_processor(name: str) -> bool:
    """Return whether ``name`` returns a processor, a tokenizer or a transform."""
    found = _PRETRAINED.fullmatch(name)
    return bool((found and _PROCESSORS.search(found["kind"])) or _TRANSFORMS.fullmatch(name))


def makes_tensor(name: str) -> bool:
    """Return whether the function ``name`` of torch returns a tensor."""
    return TENSORS.fullmatch(name) is not None and NO_TENSORS.fullmatch(name) is None


def runs_model(family: Family, attribute: str) -> bool:
    """Return whether the method ``attribute`` of a model runs it; the empty name is the call of the model itself."""
    return attribute in _CALLED.get(family, _TORCH_CALLED)
