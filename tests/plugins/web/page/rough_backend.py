"""A second backend in the same process, whose answers differ a little: ONNX Runtime on pictures of few levels.

It is installed as any plugin is: a module and a distribution with an entry point, in a folder on ``sys.path``.
"""

from __future__ import annotations

from pathlib import Path

MODULE = '''
"""ONNX Runtime with pixels rounded to few levels."""

import numpy as np

from turnout import Backend, InferenceRequest, ModelInference, hookimpl


class Rough(ModelInference):
    def __init__(self, inner):
        self._inner = inner

    def infer(self, request):
        inputs = dict(request.inputs)
        inputs["pixel_values"] = np.round(inputs["pixel_values"] / 0.7).astype(np.float32) * np.float32(0.7)
        return self._inner.infer(InferenceRequest(inputs, request.deadline, request.id))

    def signature(self):
        return self._inner.signature()

    def ready(self):
        return self._inner.ready()

    def close(self):
        self._inner.close()


@hookimpl
def turnout_backends():
    from turnout_onnxruntime.plugin import turnout_backends

    (inner,) = turnout_backends()
    yield Backend("rough", lambda model, options: Rough(inner.create(model, options)), inner.options)
'''
METADATA = "Metadata-Version: 2.1\nName: turnout-rough\nVersion: 0.1.0\n"
ENTRY_POINTS = "[turnout]\nrough = turnout_rough\n"


def install_rough_backend(folder: Path) -> Path:
    """Write the plugin into ``folder``, which belongs on ``sys.path``, and return it."""
    info = folder / "turnout_rough-0.1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "turnout_rough.py").write_text(MODULE, "utf-8")
    (info / "METADATA").write_text(METADATA, "utf-8")
    (info / "entry_points.txt").write_text(ENTRY_POINTS, "utf-8")
    return folder


def demo_settings(root: Path) -> str:
    """Return a turnout.yaml of the demo's models, each on ``onnxruntime`` and on ``rough``."""
    models = "".join(
        f"  {name}:\n"
        f"    max_batch_size: 8\n"
        f"    backends:\n"
        f"      onnxruntime: {{path: {root}/model_repository/{name}, intra_op_num_threads: 1}}\n"
        f"      rough: {{path: {root}/model_repository/{name}, intra_op_num_threads: 1}}\n"
        for name in ("birefnet", "blip_caption", "blip_vqa")
    )
    return f"""\
backend: onnxruntime
models:
{models}pipelines:
  describe:
    - load_image
    - segment_regions: {{model: birefnet, processor: {root}/examples/checkpoints/segmenter}}
    - caption: {{model: blip_caption, margin: 0.1, processor: {root}/examples/checkpoints/captioner}}
    - answer:
        {{model: blip_vqa, margin: 0.1, question: "what colour is it?", processor: {root}/examples/checkpoints/answerer}}
  caption_only:
    - load_image
    - caption: {{model: blip_caption, on: picture, processor: {root}/examples/checkpoints/captioner}}
"""
