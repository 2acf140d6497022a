"""A first turnout.yaml with the models of a repository: what no command would read is left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout import Repository, RepositoryModel
from turnout.commands.init.draft import Draft, load_draft
from turnout.commands.init.repository_models import repository_settings
from turnout.errors import ConfigurationError, UnknownNameError
from turnout.plugins.discovery import Plugins
from turnout.settings.document.parse import parse

Load = Callable[..., Plugins]


def draft_of(plugins_of: Load, *models: RepositoryModel, name_option: str = "model") -> Draft:
    plugins = plugins_of(kept={})
    kind = Repository("kept", "kept", *[None] * 3, lambda *_: models, name_option=name_option)  # type: ignore[arg-type]
    plugins._inventory._manager.get_plugin("lists").REPOSITORIES.append(kind)
    draft = repository_settings(plugins, Path("repository"), Path())
    if draft.text:
        load_draft(draft.text, plugins)
    return draft


def model(name: str, *remarks: str, **settings: Any) -> RepositoryModel:
    return RepositoryModel(name, {**settings, "backends": {"kept": {"path": "x"}}}, remarks)


GOOD = model("good", max_batch_size=8)


def values_of(draft: Draft) -> dict[str, Any]:
    return parse(draft.text, "turnout.yaml").values["models"]


@pytest.mark.parametrize(
    "odd",
    [
        model("odd", inputs={"x": "FP32[18446744073709551615, 2]"}),
        model("odd", inputs={"x": "FP33[2]"}),
        model("odd", max_batch_size=2_000_000),
        model("odd", max_batch_size=-1),
        model("odd", dynamic_batching={"preferred_batch_size": [4]}),
        model("odd", unheard_of=1),
        model("odd", inputs={"x\ud800": "FP32[2]"}),
        RepositoryModel("odd", {"backends": {"kept": {"path": "$HOME"}}}),
        RepositoryModel("odd", {"backends": {"other": {}}}),
        RepositoryModel("odd", {"backends": {"kept": {"ratio": float("nan")}}}),
        RepositoryModel("odd", {"backends": {"kept": {"a" * 2000: 1}}}),
        RepositoryModel("odd", {}, ("was skipped: for a reason",)),
    ],
    ids=range(12),
)
def test_a_model_that_no_command_would_read_is_left_out_with_its_reason(plugins_of: Load, odd: RepositoryModel) -> None:
    draft = draft_of(plugins_of, odd, GOOD)
    alone = draft_of(plugins_of, odd)

    assert list(values_of(draft)) == ["good"]
    assert len(draft.notes) == 1
    assert draft.notes[0].startswith("odd: was skipped: ")
    assert f"  # {draft.notes[0]}\n" in draft.text
    assert alone == Draft("", draft.notes)


@pytest.mark.parametrize("name", ["yes", "no", "null", "1", "0x1f", "1e3", "true", "1.5", "a" * 100, "a-b.c_d"])
def test_a_valid_name_stays_whatever_yaml_reads_in_it(plugins_of: Load, name: str) -> None:
    draft = draft_of(plugins_of, model(name), GOOD)

    assert values_of(draft)[name] == {"backends": {"kept": {"path": "x"}}}
    assert draft.notes == ()


@pytest.mark.parametrize(
    "name", ["_pre", "détecteur", "my model", "a$b", "a: b", "# a", "'", '"', "{a}", "a\tb", "*", "a" * 101]
)
def test_another_name_is_written_with_the_one_on_the_server(plugins_of: Load, name: str) -> None:
    draft = draft_of(plugins_of, model(name, "see {name}"), GOOD)

    (own, settings), *_ = values_of(draft).items()
    assert settings["backends"]["kept"] == {"model": name.replace("$", "$$"), "path": "x"}
    assert draft.notes[1] == f"{own}: see {own}"
    assert len(values_of(draft)) == 2


def test_names_that_would_become_one_are_told_apart(plugins_of: Load) -> None:
    draft = draft_of(plugins_of, model("my model"), model("my+model"), model("my_model"), RepositoryModel("my_model_2"))

    options = {name: settings["backends"]["kept"].get("model") for name, settings in values_of(draft).items()}
    assert options == {"my_model_2": "my model", "my_model_3": "my+model", "my_model": None}


def test_a_repository_without_an_option_for_names_skips_such_a_model(plugins_of: Load) -> None:
    draft = draft_of(plugins_of, model("_pre"), GOOD, name_option="")

    assert list(values_of(draft)) == ["good"]
    assert draft.notes == ("_pre: was skipped: turnout.yaml accepts no such name; rename it",)


def test_a_remark_with_line_breaks_stays_a_comment(plugins_of: Load) -> None:
    draft = draft_of(plugins_of, model("m", "one\nmodels: {}\r\x85two\u2028three \x1b[31m"))

    assert list(values_of(draft)) == ["m"]
    assert "  # m: one models: {} two three \\x1b[31m\n" in draft.text


def test_more_models_than_a_file_may_have_are_an_error_that_says_so(plugins_of: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.settings.document.parse.MAX_VALUES", 30)

    with pytest.raises(ConfigurationError) as caught:
        draft_of(plugins_of, *(model(f"m{number}") for number in range(9)))

    assert str(caught.value).startswith("the 9 models of 'repository' do not fit into one turnout.yaml: more than 30 values;")
    assert len(values_of(draft_of(plugins_of, GOOD))) == 1


def test_without_a_plugin_that_reads_repositories_the_message_says_what_to_install(plugins_of: Load) -> None:
    with pytest.raises(UnknownNameError, match=r"no installed plugin reads model repositories.*pip install \S*triton"):
        repository_settings(plugins_of(), Path("repository"), Path())


def test_the_commands_of_remarks_name_the_file_that_was_written(plugins_of: Load) -> None:
    told = RepositoryModel("my model", GOOD.settings, ("turnout export {name} --config-only writes it; {name} is good",))
    plugins = plugins_of(kept={})
    kind = Repository("kept", "kept", *[None] * 3, lambda *_: [told], name_option="model")  # type: ignore[arg-type]
    plugins._inventory._manager.get_plugin("lists").REPOSITORIES.append(kind)

    plain = repository_settings(plugins, Path("repository"), Path())
    named = repository_settings(plugins, Path("repository"), Path(), "my served.yaml")

    assert plain.notes[1] == "my_model: turnout export my_model --config-only writes it; my_model is good"
    assert named.notes[1] == (
        "my_model: turnout export my_model --config 'my served.yaml' --config-only writes it; my_model is good"
    )
