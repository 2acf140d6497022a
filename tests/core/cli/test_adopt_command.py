"""``turnout adopt``, with backends, an exporter, a step and a repository whose faults a file of the source asks for."""

from __future__ import annotations

import importlib
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.cli.group import turnout as group

_numbers = itertools.count()

PLUGIN = '''
"""A source is a JSON file: its keys are the faults of the model, or of what its exporter writes."""

import json
from pathlib import Path

import numpy as np

import turnout
from turnout import (
    Backend, Configuration, Exporter, InferenceRequest, InferenceResponse, ModelInference, ModelSignature, PipelineStep,
    Repository, RepositoryModel, SourceModel, Step, hookimpl,
)
from turnout.errors import BackendUnavailableError, ConfigurationError, ExportError, InferenceError, ModelLoadError
from turnout.tensors import TensorSpec

OPENED = []


class Options(turnout.Options):
    path: str = ""
    note: str = ""


class Doubles(ModelInference):
    """x FP32 [-1, N] -> y FP32 [-1, N]: twice x, with the faults of its file."""

    def __init__(self, model, path, kind):
        OPENED.append((kind, model.name))
        self.faults = json.loads(path.read_text()) if path.is_file() else {}
        self.model, self.kind = model, kind
        if "unopened" in self.faults:
            raise ModelLoadError(f"model {model.name!r} has no weights")

    def signature(self):
        return ModelSignature(self.model.inputs, (TensorSpec("y", "FP32", (-1, -1)),))

    def infer(self, request):
        x = request.inputs["x"]
        if self.kind == "source" and x.shape[1] > self.faults.get("largest", 10**6):
            return InferenceResponse({}, error=InferenceError(f"at most {self.faults['largest']} columns"))
        if self.kind == "runtime" and x.shape[1] > self.faults.get("wrong_above", 10**6):
            return InferenceResponse({"y": x * 3})
        if self.kind == "runtime" and "rows_meet" in self.faults:
            return InferenceResponse({"y": x * 2 + (x.sum(0) - x[0] if len(x) > 1 else 0)})
        return InferenceResponse({"y": x * 2})


class Ask(PipelineStep):
    inputs = ("numbers",)
    provides = ("doubled",)

    def __init__(self, options):
        self.model = options.model

    def example_inputs(self):
        return {"numbers": [1.0, 2.0, 3.0]}

    def preprocess(self, context):
        return [InferenceRequest({"x": np.array([context["numbers"]], np.float32)})]

    def postprocess(self, context, responses):
        context["doubled"] = responses[0]["y"].tolist()


class AskOptions(turnout.Options):
    model: str
    input: str = "numbers"


def sources(request):
    if not request.path.endswith(".src"):
        return ()
    faults = json.loads((request.folder / request.path).read_text())
    if "unusable" in faults:
        raise ConfigurationError(f"{request.path!r} names no class; save it again")
    inputs = {"inputs": {"x": "FP32[-1]"}}
    fixed = {"inputs": {"x": "FP32[3]"}}
    first, *others = [{"max_batch_size": 4, **inputs}, {"max_batch_size": 4, **fixed}, {"max_batch_size": 1, **inputs}]
    options = {"path": request.path, **request.options}
    known = {"inputs": tuple(faults.get("inputs", "x")), "fixed_batch": faults.get("fixed_batch")}
    return [SourceModel("doubler", options, first, tuple(others), "Doubler", faults.get("task", "doubling"), **known)]


def opens(kind):
    return lambda model, options: Doubles(model, model.folder / options.path, kind)


def opens_runtime(model, options):
    path = model.folder / options.path
    return Doubles(model, path if path.is_file() else sorted(path.glob("*/model.txt"))[-1], "runtime")


def away(model, options):
    raise BackendUnavailableError("nothing answers at port 1", next_step="start the server")


@hookimpl
def turnout_backends():
    files = lambda model, options: [model.folder / options.path]
    yield Backend("source", opens("source"), Options, sources=sources, files=files)
    yield Backend("runtime", opens_runtime, Options)
    yield Backend("third", opens("third"), Options)
    yield Backend("server", away, Options, remote=True)


def export(request):
    source = request.model.folder / request.options.path
    faults = json.loads(source.read_text())
    if "operator" in faults:
        raise ExportError(f"model {request.model.name!r} has the operator {faults['operator']!r}, which has no form here")
    request.file.write_text(source.read_text())
    request.report({"runtime": "runtime", "reference": "source"})
    return ModelSignature(request.model.inputs)


@hookimpl
def turnout_exporters():
    yield Exporter("text", "source", "model.txt", export, preferred=True, opened_by={"runtime": {"path": "{path}"}})


@hookimpl
def turnout_steps():
    def asks(step):
        return [{step: {"model": "{model}", "input": "{input}"}}]

    yield Step("ask", lambda declaration, options: Ask(options), AskOptions, pipelines={"doubling": asks("ask")})
    yield Step("bad", lambda declaration, options: 1 / 0, AskOptions, pipelines={"breaking": asks("bad")})


def describe(repository, folder):
    for model in sorted(repository.iterdir()):
        if (model / "1").is_dir():
            options = {"path": str((model / "1" / "model.txt").relative_to(folder)), "note": "served"}
            here = {"runtime": options} if repository.name == "old" else {}
            settings = {"inputs": {"x": "FP32[-1]"}, "max_batch_size": 4, "backends": {"server": {}, **here}}
            yield RepositoryModel(model.name, settings)


@hookimpl
def turnout_repositories():
    yield Repository(
        "kept", "server", lambda model, options: model.folder / "model_repository" / model.name,
        lambda request: Configuration({"config.txt": str(request.model.max_batch_size).encode()}), lambda request: (), describe,
    )
'''


@pytest.fixture
def adopt(cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that writes the faults to ``m.src`` and adopts it, in JSON, without a measurement."""
    name, site = f"turnout_test_adopt_{next(_numbers)}", tmp_path / "adopt_site"
    info = site / "turnout_adopt_test-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-adopt-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[turnout]\nadopt_test = {name}\n")
    (site / f"{name}.py").write_text(PLUGIN)
    (tmp_path / "site" / "turnout_cli_test-2.5.dist-info" / "entry_points.txt").write_text("")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    monkeypatch.delattr(group, "_plugin_commands", raising=False)

    def run(faults: dict[str, Any] | None = None, *arguments: str, code: int = 0) -> Any:
        if faults is not None:
            Path("m.src").write_text(json.dumps(faults))
        seconds = () if "--seconds" in arguments else ("--seconds", "0")
        ended = cli("adopt", "m.src", "--json", "--quiet", *seconds, *arguments)
        assert ended.code == code, ended.err + ended.out
        return json.loads(ended.out)

    run.module = lambda: importlib.import_module(name)  # type: ignore[attr-defined]
    return run


def model_of(report: Any) -> Any:
    [model] = report["models"]
    return model


def stages(report: Any) -> list[tuple[str, str]]:
    return [(one["stage"], one["word"]) for one in model_of(report)["stages"]]


def test_a_source_is_found_written_exported_proved_and_served(adopt: Any, cli: Any) -> None:
    report = adopt({})

    names = ["find", "pipeline", "write", "export", "prove", "serve"]
    assert stages(report) == [*((name, "ok") for name in names), ("serve", "note")]
    assert (model_of(report)["serves"], report["pipelines"]) == ("runtime", ["ask_doubler"])
    assert report["next"] == "turnout run ask_doubler FILE"
    proof = model_of(report)["export"]["proof"]
    assert (proof["batches"], proof["from_pipeline"], proof["sizes"]["proved"][-1]) == ([2, 3, 4], 1, {"x": [64]})
    assert Path("model_repository/doubler/1/model.txt").read_text() == "{}"
    assert Path("model_repository/doubler/config.txt").read_text() == "4"
    assert cli("check").code == 0
    assert "    backend: runtime\n    max_batch_size: 4\n" in Path("turnout.yaml").read_text()


def test_a_second_run_opens_nothing_and_keeps_every_stage(adopt: Any) -> None:
    first = adopt({}, "--seconds", "0.1")
    text, opened = Path("turnout.yaml").read_bytes(), adopt.module().OPENED
    opened.clear()

    second = adopt(None, "--seconds", "0.1")

    assert opened == []
    assert Path("turnout.yaml").read_bytes() == text
    assert {word for _, word in stages(second)} == {"kept", "note"}
    assert model_of(second)["measure"] == model_of(first)["measure"]
    assert sorted(Path("model_repository/doubler").glob("[0-9]*")) == [Path("model_repository/doubler/1")]


def test_a_run_goes_on_after_the_stage_that_was_interrupted(adopt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("turnout.commands.adopt.adoption.verify_file", lambda *_, **__: (_ for _ in ()).throw(OSError("disk")))
        adopt({}, code=1)
    assert Path("model_repository/doubler/1").is_dir()

    report = adopt(None)

    assert dict(stages(report))["export"] == "kept"
    assert model_of(report)["serves"] == "runtime"
    assert not Path("model_repository/doubler/2").exists()


def test_a_model_whose_entry_was_removed_is_moved_to_the_proved_backend_again(adopt: Any) -> None:
    adopt({})
    Path("turnout.yaml").unlink()

    report = adopt(None)

    assert "    backend: runtime\n" in Path("turnout.yaml").read_text()
    assert (dict(stages(report))["export"], model_of(report)["serves"]) == ("kept", "runtime")


def test_a_model_that_was_switched_stays_where_it_is(adopt: Any) -> None:
    adopt({})
    switched = Path("turnout.yaml").read_text().replace("backend: runtime", "backend: third")
    Path("turnout.yaml").write_text(switched.replace("    backends:\n", "    backends:\n      third: {path: m.src}\n"))
    text = Path("turnout.yaml").read_text()

    report = adopt(None)

    assert model_of(report)["serves"] == "third"
    assert Path("turnout.yaml").read_text() == text


def test_a_model_that_cannot_be_exported_any_more_is_reported_on_the_backend_of_the_file(adopt: Any) -> None:
    adopt({})

    report = adopt({"operator": "Deform"})

    assert "    backend: runtime\n" in Path("turnout.yaml").read_text()
    assert model_of(report)["serves"] == "runtime"
    texts = [one["text"] for one in model_of(report)["stages"] if one["stage"] in ("export", "serve")]
    assert [text.split(":")[0] for text in texts] == ["stays on runtime", "on runtime"]


@pytest.mark.parametrize("change", ["source", "published file", "again"])
def test_what_changed_is_exported_again(adopt: Any, change: str) -> None:
    adopt({})
    if change == "published file":
        Path("model_repository/doubler/1/model.txt").write_text('{"other": 1}')

    report = adopt({"other": 2} if change == "source" else None, *(["--again"] if change == "again" else []))

    assert (dict(stages(report))["export"], model_of(report)["serves"]) == ("ok", "runtime")
    assert Path("model_repository/doubler/2/model.txt").is_file()


def test_a_file_that_is_wrong_at_sizes_that_its_exporter_did_not_see_is_not_published(adopt: Any) -> None:
    report = adopt({"wrong_above": 20})

    exported = model_of(report)["export"]
    assert "answers a request of x 33 in another way than on 'source'" in exported["reasons"][0]
    # The next variant has fixed sizes: there the file is right.
    assert (exported["variant"], exported["proof"]["sizes"]["proved"]) == (1, [])
    assert 'inputs: {x: "FP32[3]"}' in Path("turnout.yaml").read_text()
    assert [one.name for one in Path("model_repository/doubler").glob("[0-9]*")] == ["1"]


def test_rows_that_depend_on_each_other_are_served_one_at_a_time(adopt: Any) -> None:
    report = adopt({"rows_meet": True})

    assert "batching" in model_of(report)["export"]["reasons"][0]
    assert "max_batch_size: 1\n" in Path("turnout.yaml").read_text()
    assert Path("model_repository/doubler/config.txt").read_text() == "1"


def test_what_cannot_be_exported_stays_and_names_the_operator(adopt: Any, cli: Any) -> None:
    report = adopt({"operator": "Deform"})

    [text] = [one["text"] for one in model_of(report)["stages"] if one["stage"] == "export"]
    assert text.startswith("stays on source: text: model 'doubler' has the operator 'Deform'")
    assert "    backend: source\n" in Path("turnout.yaml").read_text()
    assert not Path("model_repository").exists() or not list(Path("model_repository").glob("doubler/*"))
    assert cli("check").code == 0


def test_sizes_that_the_model_itself_refuses_are_its_bound_and_no_fault_of_the_file(adopt: Any) -> None:
    sizes = model_of(adopt({"largest": 12}))["export"]["proof"]["sizes"]

    assert sizes["proved"][-1] == {"x": [12]}
    assert sizes["refused"][0] == {"x": [16]}
    assert sizes["reason"] == "at most 12 columns"


@pytest.mark.parametrize(("faults", "said"), [({"unopened": 1}, "has no weights"), ({"unusable": 1}, "names no class")])
def test_a_source_that_cannot_be_used_leaves_nothing_and_a_good_one_works_after_it(adopt: Any, faults: Any, said: str) -> None:
    ended = adopt(faults, code=2)

    assert said in ended["error"]["message"]
    # The model is in no file: a command that names it would fail too.
    assert "turnout status" not in ended["error"]["next"]
    assert not Path("turnout.yaml").exists()
    assert not Path("model_repository").exists()
    assert model_of(adopt({}))["serves"] == "runtime"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere", "there is no 'nowhere'"),
        ("plain.txt", "opens the file 'plain.txt'"),
        ("empty", "the folder 'empty' is empty; give a checkpoint folder"),
        ("folder", "opens the folder 'folder'|has no|no model"),
    ],
)
def test_a_source_that_nothing_opens_is_refused_in_one_line(adopt: Any, cli: Any, source: str, said: str) -> None:
    Path("plain.txt").write_text("x")
    Path("empty").mkdir()
    Path("folder").mkdir()
    Path("folder/x").touch()

    ended = cli("adopt", source)

    assert (ended.code, ended.out) == (2, "")
    assert len([line for line in ended.err.splitlines() if line.startswith("error: ")]) == 1
    assert re.search(said, ended.err)
    assert not Path("turnout.yaml").exists()


def test_a_dry_run_shows_the_entry_and_writes_nothing(adopt: Any) -> None:
    report = adopt({}, "--dry-run")

    assert report["dry_run"]
    assert "  doubler:\n    backend: source\n" in report["added"]
    assert "  ask_doubler:\n    - ask: {model: doubler, input: x}\n" in report["added"]
    assert (adopt.module().OPENED, [one.name for one in Path().iterdir()]) == ([], ["m.src"])
    assert report["next"] == "turnout adopt m.src --json --quiet --seconds 0"


WRONG = [
    (("--task", "dubling"), "knows the task 'dubling'. Did you mean 'doubling'? Known tasks: breaking, "),
    (("--format", "txet"), "cannot be exported as 'txet'. Did you mean 'text'? It can as: text"),
    (("--input", "xx=FP32[3]"), "has no input 'xx'. Did you mean 'x'? It takes: x"),
    (("--name", "a b"), "'a b' is no name of a model: it has letters, digits, '_', '-' and '.', such as 'a_b'"),
    (("--max-batch-size", "4"), "'m.src' takes batches of 1 only, got --max-batch-size 4; leave out --max-batch-size"),
]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_what_a_model_does_not_have_is_refused_before_it_is_opened(adopt: Any, wrong: Any, said: str, more: Any) -> None:
    ended = adopt({"fixed_batch": 1}, *wrong, *more, code=2)

    assert said in ended["error"]["message"]
    assert (adopt.module().OPENED, [one.name for one in Path().iterdir()]) == ([], ["m.src"])
    assert adopt(None, "--dry-run")["pipelines"] == ["ask_doubler"]


@pytest.mark.parametrize(
    "right", [("--task", "breaking"), ("--format", "text"), ("--input", "x=FP32[3]"), ("--name", "a-b.c_1")]
)
def test_what_a_model_has_is_accepted(adopt: Any, right: Any) -> None:
    assert adopt({"fixed_batch": 1}, *right, "--max-batch-size", "1", "--dry-run")["dry_run"]


def test_an_interruption_says_that_the_same_command_continues(adopt: Any, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            "turnout.commands.adopt.adoption.verify_file", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        Path("m.src").write_text("{}")
        ended = cli("adopt", "m.src", "--quiet", "--seconds", "0")

    assert ended.code == 130
    assert ended.err == "interrupted; the stages that are done are kept, and the same command continues after them\n"
    assert dict(stages(adopt(None)))["export"] == "kept"


def test_the_table_shows_a_free_size_as_free(adopt: Any) -> None:
    assert model_of(adopt({}, "--format", "text"))["tensors"] == "x FP32 [-1, -1] -> y FP32 [-1, -1]"


def test_an_existing_file_keeps_its_comments_and_a_name_that_is_in_use(adopt: Any, cli: Any) -> None:
    entry = "  doubler: # another\n    backend: source\n    backends:\n      source: {path: m.src, note: mine}   # keep\n"
    before = f"# mine\nmodels:\n{entry}\n# end\n"
    Path("turnout.yaml").write_text(before)

    adopt({})

    after = Path("turnout.yaml").read_text()
    assert all(line in after for line in before.splitlines())
    assert "  doubler_2:\n    backend: runtime\n" in after
    assert "\npipelines:\n  ask_doubler_2:\n    - ask: {model: doubler_2, input: x}\n" in after
    assert cli("check").code == 0


def test_a_pipeline_that_cannot_run_is_left_out_with_the_reason(adopt: Any) -> None:
    report = adopt({"task": "breaking"})

    assert report["pipelines"] == []
    assert any(
        "bad_doubler was left out: " in one["text"] and "ZeroDivisionError" in one["text"] for one in model_of(report)["stages"]
    )
    assert "pipelines:" not in Path("turnout.yaml").read_text()
    texts = [one["text"] for one in model_of(report)["stages"] if one["stage"] == "pipeline"]
    assert texts[1] == (
        "to have it, give the same command its option as --set OPTION=JSON, or write under pipelines: "
        "bad_doubler: [{bad: {model: doubler, input: x}}]"
    )


@pytest.mark.parametrize("inputs", ["", "xy"])
def test_an_input_whose_name_is_not_known_is_left_to_the_step(adopt: Any, inputs: str) -> None:
    report = adopt({"inputs": inputs}, "--dry-run")

    assert "  ask_doubler:\n    - ask: {model: doubler}\n" in report["added"]


def test_an_option_of_the_step_that_is_corrected_runs_the_pipeline_and_nothing_else(adopt: Any) -> None:
    wrong = adopt({}, "--set", "modle=1")

    right = adopt(None)

    assert (wrong["pipelines"], right["pipelines"]) == ([], ["ask_doubler"])
    assert {"pipeline": "ok", "export": "kept"}.items() <= dict(stages(right)).items()
    assert "  ask_doubler:\n    - ask: {model: doubler, input: x}\n" in Path("turnout.yaml").read_text()


def test_the_models_of_a_repository_are_taken_as_they_are(adopt: Any, cli: Any) -> None:
    folder = Path("old/kept/1")
    folder.mkdir(parents=True)
    (folder / "model.txt").write_text("{}")

    ended = cli("adopt", "old", "--json", "--quiet", "--seconds", "0")

    model = model_of(json.loads(ended.out))
    assert (ended.code, model["model"], model["backend"]) == (0, "kept", "runtime")
    assert [one["word"] for one in model["stages"] if one["stage"] in ("export", "prove")] == ["kept", "ok"]
    assert cli("check").code == 0


def test_options_and_a_name_of_the_user_come_first(adopt: Any) -> None:
    adopt({}, "--option", "note=hello", "--name", "mine", "--max-batch-size", "2")

    text = Path("turnout.yaml").read_text()
    assert "  mine:\n    backend: runtime\n    max_batch_size: 2\n" in text
    assert "source: {path: m.src, note: hello}" in text


def test_an_option_that_the_backend_does_not_have_is_refused(adopt: Any) -> None:
    ended = adopt({}, "--option", "note_=hello", code=2)

    assert "unknown key. Did you mean 'note'?" in ended["error"]["message"]
    assert model_of(adopt(None))["serves"] == "runtime"
