"""Publishing versions and configurations in a model repository."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from turnout import Configuration, ModelSignature
from turnout.errors import ConfigurationError, ExportError
from turnout.repository import publishing as publishing_module
from turnout.repository.publishing import ExportedVersion, publish, publish_configuration
from turnout.repository.versions import versions
from turnout.tensors import TensorSpec

SIGNATURE = ModelSignature((TensorSpec("x", "FP32", (-1,)),))
CRASHED = 77


def _write(file: Path) -> ModelSignature:
    file.write_bytes(b"model")
    return SIGNATURE


def _identity(file: Path) -> tuple[int, int, int]:
    found = file.stat()  # without the access time, which reading changes
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _configured(text: str, **more: str) -> Configuration:
    files = {"config.pbtxt": text.encode()} | {name: content.encode() for name, content in more.items()}
    return Configuration(files)


def _numbered(number: int, signature: ModelSignature) -> Configuration:
    """Return a configuration that names its version, so that a reader can check whether the two belong together."""
    return _configured(str(number), **{"warmup/data": str(number)})


def _contents(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a model's folder in a repository that is not there yet."""
    return tmp_path / "place" / "repository" / "m"


@pytest.fixture(params=["exchanged", "no exchange", "no stage beside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take each of the ways that a file system may leave open."""
    if request.param == "no exchange":
        monkeypatch.setattr("turnout.repository.publishing.exchange", lambda one, other: False)
    if request.param == "no stage beside":
        monkeypatch.setattr("turnout.repository.staging._is_usable", lambda place, target: False)
    return str(request.param)


def test_versions_are_the_numeric_folders_ascending(tmp_path: Path) -> None:
    for name in ("10", "9", "latest", ".exporting-x", "07", "\u0663"):
        (tmp_path / name).mkdir()
    (tmp_path / "11").write_text("a file")

    assert versions(tmp_path) == [9, 10]
    assert versions(tmp_path / "nowhere") == []


def test_the_first_export_is_version_1_and_the_next_one_follows_the_greatest(model: Path, way: str) -> None:
    first = publish(model, "model.onnx", _write)
    (model / "7").mkdir()
    next_one = publish(model, "model.onnx", _write)

    assert (first.version, first.file, first.signature) == (1, model / "1/model.onnx", SIGNATURE)
    assert next_one.version == 8
    assert _contents(model.parent) == ["m", "m/1", "m/1/model.onnx", "m/7", "m/8", "m/8/model.onnx"]
    assert _contents(model.parents[1])[0] == "repository"


def test_a_version_and_its_configuration_come_together_and_what_was_there_stays(model: Path, way: str) -> None:
    publish(model, "model.onnx", _write, _numbered)
    (model / "labels.txt").write_text("cat")
    first_file = (model / "1" / "model.onnx").stat().st_ino

    published = publish(model, "model.onnx", _write, _numbered)

    assert published.configuration == _numbered(2, SIGNATURE)
    assert {name: (model / name).read_text() for name in ("config.pbtxt", "warmup/data", "labels.txt")} == {
        "config.pbtxt": "2",
        "warmup/data": "2",
        "labels.txt": "cat",
    }
    assert versions(model) == [1, 2]
    assert (model / "1" / "model.onnx").stat().st_ino == first_file
    assert [entry.name for entry in model.parents[1].iterdir()] == ["repository"]
    assert [entry.name for entry in model.parent.iterdir()] == ["m"]
    assert not [name for name in _contents(model) if "publishing" in name]


def test_a_configuration_alone_leaves_the_versions_and_takes_away_what_is_obsolete(model: Path, way: str) -> None:
    publish(model, "model.onnx", _write, _numbered)

    given = Configuration({"config.pbtxt": b"new"}, {"warmup/data": hashlib.sha256(b"1").hexdigest()})
    published = publish_configuration(model, lambda: given)

    assert published is given
    assert _contents(model) == ["1", "1/model.onnx", "config.pbtxt", "warmup"]
    assert (model / "config.pbtxt").read_text() == "new"


def test_an_obsolete_file_with_another_content_stays(model: Path, way: str, caplog: pytest.LogCaptureFixture) -> None:
    publish(model, "model.onnx", _write, _numbered)

    publish_configuration(model, lambda: Configuration({"config.pbtxt": b"new"}, {"warmup/data": "0" * 64}))

    assert (model / "warmup" / "data").read_text() == "1"
    assert "'warmup/data' of a model is not used any more, and stays" in caplog.text


def test_a_file_that_no_export_of_this_machine_wrote_stays(model: Path, way: str, caplog: pytest.LogCaptureFixture) -> None:
    """The list of written files is in the model's folder, where a stranger may forge it with the right hashes."""
    publish(model, "model.onnx", _write, _numbered)
    (model / "notes.txt").write_text("mine")
    names = ("notes.txt", "1/model.onnx")
    forged = {name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in names}

    publish_configuration(model, lambda: Configuration({"config.pbtxt": b"new"}, forged))

    assert all((model / name).exists() for name in names)
    assert "'notes.txt' of a model is not used any more, and stays: no export of this machine wrote it" in caplog.text


def test_a_record_that_cannot_be_written_does_not_undo_a_configuration(
    model: Path, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    publish(model, "model.onnx", _write, _numbered)
    publish_configuration(model, lambda: Configuration({}, {"warmup/data": hashlib.sha256(b"1").hexdigest()}))

    assert (model / "warmup" / "data").read_text() == "1"
    assert "a later export will not remove files of this one" in caplog.text


@pytest.mark.parametrize("name", ["../victim", "../../../victim", "link/victim", "/etc/passwd"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, model: Path, way: str, tmp_path: Path) -> None:
    publish(model, "model.onnx", _write, _numbered)
    (model / "link").symlink_to(tmp_path)
    victims = [tmp_path / "victim", model.parent / "victim", model.parents[1] / "victim"]
    for victim in victims:
        victim.write_text("x")

    for given in (Configuration({name: b"new"}), Configuration({}, {name: hashlib.sha256(b"x").hexdigest()})):
        with pytest.raises(ConfigurationError, match="is no path below"):
            publish_configuration(model, lambda given=given: given)
        with pytest.raises(ConfigurationError, match="is no path below"):
            publish(model, "model.onnx", _write, lambda number, signature, given=given: given)

    assert [victim.read_text() for victim in victims] == ["x"] * 3
    assert versions(model) == [1]


def test_a_folder_that_only_looks_like_a_stage_stays(model: Path, tmp_path: Path) -> None:
    place = model.parents[1]
    kept = [place / ".repository.publishing-notes", place / ".repository.publishing-abcdefgh", tmp_path / "real"]
    for folder in kept:
        folder.mkdir(parents=True)
        (folder / "mine.txt").write_text("x")
    (place / ".repository.publishing-12345678").symlink_to(kept[2])

    publish(model, "model.onnx", _write)

    assert all((folder / "mine.txt").exists() for folder in kept)


def test_a_configuration_that_is_there_already_is_not_touched(model: Path) -> None:
    publish(model, "model.onnx", _write, lambda number, signature: _configured("same"))
    before = (model.stat().st_ino, _identity(model / "config.pbtxt"))

    publish(model, "model.onnx", _write, lambda number, signature: _configured("same"))

    assert (model.stat().st_ino, _identity(model / "config.pbtxt")) == before
    assert versions(model) == [1, 2]


def test_a_server_of_another_user_may_read_the_version(model: Path) -> None:
    exported = publish(model, "model.onnx", _write, _numbered)

    assert exported.file.parent.stat().st_mode & 0o777 == 0o755
    assert model.stat().st_mode & 0o777 == 0o755
    assert (model / "config.pbtxt").stat().st_mode & 0o777 == 0o644


def test_a_version_that_exists_is_kept(model: Path) -> None:
    publish(model, "model.onnx", _write, version=3)

    with pytest.raises(ExportError) as caught:
        publish(model, "model.onnx", _write, version=3)

    said = f"version 3 of model 'm' exists at {str(model / '3')!r}; leave --version out for the next one"
    assert str(caught.value) == said


@pytest.mark.parametrize("error", [ExportError("no such graph"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_failed_export_leaves_nothing_behind(model: Path, error: BaseException) -> None:
    def write(file: Path) -> ModelSignature:
        file.write_bytes(b"half")
        raise error

    with pytest.raises((ExportError, KeyboardInterrupt)):
        publish(model, "model.onnx", write)

    assert _contents(model.parents[1]) == ["repository"]


def test_a_configuration_that_is_refused_leaves_the_repository_as_it_was(model: Path, way: str) -> None:
    publish(model, "model.onnx", _write, _numbered)
    before = _contents(model.parents[1])

    def refuse(number: int, signature: ModelSignature) -> Configuration:
        raise ExportError("no BF16 there")

    with pytest.raises(ExportError, match="no BF16 there"):
        publish(model, "model.onnx", _write, refuse)

    assert _contents(model.parents[1]) == before
    assert publish(model, "model.onnx", _write, _numbered).version == 2


def test_a_full_disk_is_an_export_error(model: Path) -> None:
    def write(file: Path) -> ModelSignature:
        raise OSError(28, "No space left on device")

    with pytest.raises(ExportError, match=r"model 'm' cannot be published in model repository '.*': No space left on device"):
        publish(model, "model.onnx", write)


def test_what_is_published_was_made_to_last_first(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.add(os.fstat(descriptor).st_ino), real(descriptor)))

    publish(model, "model.onnx", _write, _numbered)
    publish(model, "model.onnx", _write, _numbered)

    lasting = ("1/model.onnx", "2/model.onnx", "config.pbtxt", "warmup/data", "2", ".", "..")
    assert [name for name in lasting if (model / name).resolve().stat().st_ino not in synced] == []


def test_a_disk_that_fails_at_the_last_moment_leaves_the_repository_as_it_was(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(model, "model.onnx", _write, _numbered)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ExportError, match="No space left on device; the repository is unchanged"):
            publish(model, "model.onnx", _write, _numbered)

    assert (versions(model), (model / "config.pbtxt").read_text()) == ([1], "1")
    assert publish(model, "model.onnx", _write, _numbered).version == 2


def test_a_repository_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(ExportError, match="cannot be published in model repository"):
        publish(tmp_path / "file" / "m", "model.onnx", _write)


def test_a_version_published_by_another_export_meanwhile_is_not_overwritten(model: Path, way: str) -> None:
    def write(file: Path) -> ModelSignature:
        publish(model, "model.onnx", _write, _numbered, version=1)
        file.write_bytes(b"second")
        return SIGNATURE

    with pytest.raises(ExportError, match="version 1 of model 'm' exists"):
        publish(model, "model.onnx", write, version=1)

    assert (model / "1" / "model.onnx").read_bytes() == b"model"
    assert (model / "config.pbtxt").read_text() == "1"


def test_two_at_once_get_different_versions_and_none_is_lost(model: Path) -> None:
    both_write = threading.Barrier(2, timeout=20)

    def write(file: Path) -> ModelSignature:
        both_write.wait()
        return _write(file)

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(publish, model, "model.onnx", write, _numbered) for _ in range(2)]
        numbers = sorted(one.result().version for one in done)

    assert numbers == versions(model) == [1, 2]
    assert (model / "config.pbtxt").read_text() == "2"


def test_many_processes_at_once_lose_nothing(model: Path) -> None:
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                publish(model, "model.onnx", _write, _numbered)
                code = 0
            finally:
                os._exit(code)
        children.append(child)

    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    assert codes == [0] * 8
    assert versions(model) == list(range(1, 9))
    assert (model / "config.pbtxt").read_text() == "8"


def test_a_model_folder_behind_a_link_is_exchanged_where_it_really_is(model: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "m"
    publish(real, "model.onnx", _write, _numbered)
    model.parent.mkdir(parents=True)
    model.symlink_to(real)

    publish(model, "model.onnx", _write, _numbered)

    assert model.is_symlink()
    assert (versions(real), (real / "config.pbtxt").read_text()) == ([1, 2], "2")


def test_a_link_in_the_folder_stays_a_link(model: Path) -> None:
    publish(model, "model.onnx", _write, _numbered)
    (model / "shared").symlink_to("../shared")

    publish(model, "model.onnx", _write, _numbered)

    assert str((model / "shared").readlink()) == "../shared"


def test_what_a_killed_export_left_is_swept_and_a_living_ones_stage_is_not(model: Path) -> None:
    model.parent.mkdir(parents=True)
    (model.parents[1] / ".repository.publishing-dead0000" / "version").mkdir(parents=True)

    def write(file: Path) -> ModelSignature:
        publish(model, "model.onnx", _write)
        return _write(file)

    publish(model, "model.onnx", write)

    assert [entry.name for entry in model.parents[1].iterdir()] == ["repository"]
    assert versions(model) == [1, 2]


# ---- a crash at any point

EVENTS = {
    "os.mkdir",
    "os.rename",
    "os.link",
    "os.remove",
    "os.rmdir",
    "os.chmod",
    "open",
    "shutil.copytree",
    "tempfile.mkdtemp",
}
_countdown: list[int] = []


def _die_at_zero(event: str, arguments: object) -> None:
    if _countdown and event in EVENTS:
        _countdown[0] -= 1
        if _countdown[0] < 0:
            os._exit(CRASHED)


def _crash_at(step: int, model: Path) -> int:
    """Publish in a process that dies without a word before file operation number ``step``; return its exit code."""
    child = os.fork()
    if child == 0:
        sys.addaudithook(_die_at_zero)
        real = publishing_module.exchange

        def exchange(one: Path, other: Path) -> bool:
            _die_at_zero("os.rename", ())  # ctypes is not audited
            done = real(one, other)
            _die_at_zero("os.rename", ())
            return done

        publishing_module.exchange = exchange
        _countdown.append(step)
        try:
            publish(model, "model.onnx", _write, _numbered)
        except BaseException:  # noqa: BLE001  # the exit code says so
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _state(model: Path) -> tuple[str, str, list[int]]:
    if not model.exists():
        return "", "", []
    return (model / "config.pbtxt").read_text(), (model / "warmup/data").read_text(), versions(model)


def _consistent(model: Path, older: int) -> bool:
    """Return whether the model has versions up to ``older``, or the next one too, with the configuration of the greatest."""
    for greatest in (older, older + 1):
        numbers = list(range(1, greatest + 1))
        if _state(model) == (("", "", []) if greatest == 0 else (str(greatest), str(greatest), numbers)):
            return all((model / str(number) / "model.onnx").read_bytes() == b"model" for number in numbers)
    return False


@pytest.mark.parametrize("older", [0, 1, 3], ids=["the first version", "the second", "the fourth"])
def test_a_crash_at_any_point_leaves_the_old_state_or_the_new_one(tmp_path: Path, older: int) -> None:
    codes = []
    for step in range(500):
        model = tmp_path / str(step) / "repository" / "m"
        for _ in range(older):
            publish(model, "model.onnx", _write, _numbered)
        codes.append(_crash_at(step, model))
        assert _consistent(model, older), f"torn by a crash before file operation {step}"
        if codes[-1] == 0:
            break
        published = publish(model, "model.onnx", _write, _numbered)  # the next export works, and sweeps
        assert published.version == len(versions(model))
        assert [entry.name for entry in (tmp_path / str(step)).iterdir()] == ["repository"]

    assert codes[-1] == 0
    assert codes[:-1] == [CRASHED] * (len(codes) - 1)
    assert len(codes) > 15


def test_the_crash_test_notices_a_configuration_that_comes_before_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.repository.publishing.exchange", lambda one, other: False)
    torn = []
    for step in range(500):
        model = tmp_path / str(step) / "repository" / "m"
        publish(model, "model.onnx", _write, _numbered)
        code = _crash_at(step, model)
        torn.append(not _consistent(model, 1))
        if code == 0:
            break

    assert any(torn)


def test_a_reader_never_sees_a_version_without_its_configuration(model: Path) -> None:
    publish(model, "model.onnx", _write, _numbered)
    done = threading.Event()
    seen: list[tuple[str, list[int]]] = []

    def read() -> None:
        while not done.is_set():
            folder = os.open(model, os.O_RDONLY)
            try:
                numbers = sorted(int(name) for name in os.listdir(folder) if name.isdecimal())  # noqa: PTH208  # of a descriptor
                file = os.open("config.pbtxt", os.O_RDONLY, dir_fd=folder)
                config = os.read(file, 10).decode()
                os.close(file)
                # A folder that was exchanged meanwhile is being emptied; a second look sees the new one.
                if os.fstat(folder).st_ino == model.stat().st_ino:
                    seen.append((config, numbers))
            except FileNotFoundError:
                pass
            finally:
                os.close(folder)

    reader = threading.Thread(target=read, name="reader")
    reader.start()
    for _ in range(30):
        publish(model, "model.onnx", _write, _numbered)
    done.set()
    reader.join(20)

    assert len(seen) > 30
    torn = [(config, numbers) for config, numbers in seen if numbers and config != str(max(numbers))]
    assert torn == []


def test_a_published_version_says_where_it_is(model: Path) -> None:
    published = publish(model, "model.onnx", _write, _numbered)

    assert published == ExportedVersion(model / "1/model.onnx", 1, SIGNATURE, _numbered(1, SIGNATURE))


@pytest.mark.parametrize("made", ["a folder of the user's", "nothing"])
def test_a_model_folder_that_links_to_no_folder_of_a_model_is_refused(model: Path, tmp_path: Path, made: str) -> None:
    outside = tmp_path / "outside"
    if made != "nothing":
        outside.mkdir()
        (outside / "victim").write_text("x")
    model.parent.mkdir(parents=True)
    model.symlink_to(outside)

    with pytest.raises(ExportError, match="which is neither an empty folder nor one of a model"):
        publish(model, "model.onnx", _write, _numbered)
    with pytest.raises(ExportError, match="which is neither an empty folder nor one of a model"):
        publish_configuration(model, lambda: Configuration({"config.pbtxt": b"new"}))

    assert [entry.name for entry in tmp_path.rglob("*") if outside in entry.parents] == ["victim"] * (made != "nothing")


def test_a_model_folder_that_links_to_an_empty_folder_is_filled(model: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    model.parent.mkdir(parents=True)
    model.symlink_to(tmp_path / "disk")

    publish(model, "model.onnx", _write, _numbered)

    assert versions(tmp_path / "disk") == [1]


def test_a_pipe_that_is_called_as_a_stage_does_not_stop_an_export(model: Path) -> None:
    model.parents[1].mkdir(parents=True, exist_ok=True)
    os.mkfifo(model.parents[1] / f".{model.parent.name}.publishing-abcdefgh")

    publish(model, "model.onnx", _write)

    assert versions(model) == [1]


def test_folders_that_are_nested_too_deep_are_refused_and_stay(model: Path) -> None:
    publish(model, "model.onnx", _write, _numbered)
    (model / "/".join("a" * 700)).mkdir(parents=True)

    with pytest.raises(ExportError, match=r"its folders are nested deeper than 64.*; the repository is unchanged"):
        publish(model, "model.onnx", _write, _numbered)

    assert versions(model) == [1]
    assert [entry.name for entry in model.parents[1].iterdir()] == [model.parent.name]


def test_folders_of_the_model_keep_their_rights(model: Path) -> None:
    publish(model, "model.onnx", _write, _numbered)
    (model / "own" / "inner").mkdir(parents=True)
    (model / "own" / "inner" / "file").write_text("x")
    (model / "own" / "inner").chmod(0o555)
    (model / "own").chmod(0o710)

    publish(model, "model.onnx", _write, _numbered)

    assert [oct((model / name).stat().st_mode)[-3:] for name in ("own", "own/inner")] == ["710", "555"]
    assert (model / "own" / "inner" / "file").read_text() == "x"
