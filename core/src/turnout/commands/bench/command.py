"""Measurement of a model's or a pipeline's arms in alternating rounds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from turnout.commands.bench.figures import LoadFigures
from turnout.commands.bench.measurement import Measurement
from turnout.commands.bench.model_subject import open_model
from turnout.commands.bench.options import BenchOptions
from turnout.commands.bench.pipeline_subject import open_pipeline
from turnout.commands.bench.plan import plan_loads, plan_span
from turnout.commands.bench.recommendation import recommend
from turnout.commands.bench.result import BenchResult
from turnout.commands.bench.subject import Subject
from turnout.commands.bench.verdict import judge_batching
from turnout.errors import ConfigurationError, unknown_name
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.settings import LoadedSettings, load_settings


def bench_file(file: Path, name: str, options: BenchOptions) -> BenchResult:
    """Measure a model or a pipeline of a turnout.yaml as it serves, and on other backends, in alternating rounds; blocks.

    Every arm is opened and warmed up before the first round. An interruption ends the run; what was measured by then is
    returned.

    Raises:
        SettingsError: turnout.yaml is wrong.
        InvalidInputError: there are no requests.
        TurnoutError: an arm cannot be opened, or fails one of the first requests.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    with ExitStack() as stack:
        subject = _open(plugins, loaded, name, options, stack)
        return _measure(subject, options)


def _open(plugins: Plugins, loaded: LoadedSettings, name: str, options: BenchOptions, stack: ExitStack) -> Subject:
    """Open the model ``name``, or the pipeline of that name if there is no such model, or if files are given."""
    pipelines = loaded.settings.pipelines
    if name in pipelines and (name not in loaded.models or options.files):
        _refuse(
            options,
            ("recording", "inputs", "generate", "shapes", "batches", "delays", "instances"),
            f"requests of a model, and {name!r} is a pipeline",
        )
        return open_pipeline(plugins, loaded, name, options, stack)
    if name not in loaded.models:
        known = [*loaded.models, *pipelines]
        raise unknown_name("model or pipeline", name, known, f"In {loaded.source}." if loaded.source else "")
    _refuse(options, ("files", "values"), f"inputs of a pipeline, and {name!r} is a model; give --inputs FILE.npz")
    return open_model(plugins, loaded, name, options, stack)


_WRITTEN = {"files": "FILE", "values": "--set", "shapes": "--shape", "batches": "--batch", "delays": "--delay"}


def _refuse(options: BenchOptions, names: Sequence[str], reason: str) -> None:
    given = [_WRITTEN.get(name, f"--{name}") for name in names if getattr(options, name)]
    if given:
        raise ConfigurationError(
            f"{' and '.join(given)} {'give' if len(given) > 1 else 'gives'} {reason}",
            next_step=f"leave {' and '.join(given)} out".replace("FILE", "the files"),
        )


def _measure(subject: Subject, options: BenchOptions) -> BenchResult:
    results: list[LoadFigures] = []
    interrupt: KeyboardInterrupt | None = None
    for batch, load in product(dict.fromkeys(options.batches) or (None,), plan_loads(options)):
        arms = subject.arms_for(load, batch)
        measurement = Measurement(subject.name, arms, batch, load, plan_span(options, load), options.timeout)
        try:
            measurement.run()
        except KeyboardInterrupt as error:
            interrupt = error
        results += measurement.figures()
        if interrupt is not None:
            break
    if interrupt is not None and not results:
        raise interrupt
    verdicts = tuple(judge_batching(results, subject.kind))
    recommended = recommend(results) if subject.kind == "model" else None
    about = (subject.kind, subject.name, subject.reference.backend, subject.source, subject.requests)
    return BenchResult(*about, tuple(results), verdicts, recommended, interrupt)
