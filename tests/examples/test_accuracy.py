"""The demo models reach their bars on the held-out set."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
held_out = pytest.importorskip("examples.training.held_out")
torch_models = pytest.importorskip("examples.training.torch_models")

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def captioner(checkpoints):
    return torch_models.TorchCaptioner(checkpoints / "captioner")


@pytest.fixture(scope="module")
def answerer(checkpoints):
    return torch_models.TorchAnswerer(checkpoints / "answerer")


@pytest.fixture(scope="module")
def segmenter(checkpoints):
    return torch_models.TorchSegmenter(checkpoints / "segmenter")


def shuffle(model, folder):
    """Return a copy of the model with the values of every parameter in random order."""
    broken = type(model)(folder)
    torch.manual_seed(0)
    with torch.no_grad():
        for values in broken.model.parameters():
            values.copy_(values.flatten()[torch.randperm(values.numel())].view_as(values))
    return broken


def test_captions_of_crops_are_exact(captioner) -> None:
    assert held_out.caption_score(held_out.crop_cases(), captioner) >= held_out.BARS["crops"]


def test_captions_of_scenes_are_exact(captioner) -> None:
    assert held_out.caption_score(held_out.scene_cases(), captioner) >= held_out.BARS["scenes"]


def test_answers_are_right(answerer) -> None:
    assert held_out.answer_score(held_out.question_cases(), answerer) >= held_out.BARS["questions"]


def test_masks_fit(segmenter) -> None:
    assert held_out.mask_score(held_out.mask_cases(), segmenter) >= held_out.BARS["masks"]


def test_a_prompt_is_continued(captioner) -> None:
    case = next(case for case in held_out.crop_cases() if case.expected.startswith("a red"))

    assert captioner(case.picture, case.box, prompt="a red") == case.expected


def test_shuffled_weights_miss_the_bars(captioner, answerer, segmenter, checkpoints) -> None:
    words = shuffle(captioner, checkpoints / "captioner")
    answers = shuffle(answerer, checkpoints / "answerer")
    masks = shuffle(segmenter, checkpoints / "segmenter")

    assert held_out.caption_score(held_out.crop_cases()[:30], words) < held_out.BARS["crops"]
    assert held_out.caption_score(held_out.scene_cases()[:30], words) < held_out.BARS["scenes"]
    assert held_out.answer_score(held_out.question_cases()[:60], answers) < held_out.BARS["questions"]
    assert held_out.mask_score(held_out.mask_cases()[:30], masks) < held_out.BARS["masks"]


@pytest.mark.parametrize("name", ["captioner", "answerer", "segmenter"])
def test_weights_are_stored_as_float16(name, checkpoints) -> None:
    tensors = pytest.importorskip("safetensors.torch").load_file(checkpoints / name / "model.safetensors")

    assert {values.dtype for values in tensors.values() if values.is_floating_point()} == {torch.float16}
    assert all(values.isfinite().all() for values in tensors.values())


def test_the_segmenter_exports_with_a_dynamic_batch(segmenter, tmp_path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    batch = torch.export.Dim("batch", min=1, max=64)
    example, other = torch.randn(2, 3, 128, 128), torch.randn(5, 3, 128, 128)

    program = torch.onnx.export(segmenter.model, (example,), dynamo=True, dynamic_shapes={"x": {0: batch}}, verbose=False)
    program.save(tmp_path / "segmenter.onnx")
    session = runtime.InferenceSession(tmp_path / "segmenter.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: other.numpy()})

    with torch.no_grad():
        assert (torch.from_numpy(found) - segmenter.model(other)[-1]).abs().max() <= 1e-5
