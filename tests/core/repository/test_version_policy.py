from __future__ import annotations

from pathlib import Path

import pytest

from turnout.repository.version_policy import VersionPolicy, read_version_policy


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", VersionPolicy()),
        ("version_policy: { latest: { num_versions: 2 } }", VersionPolicy(2)),
        ("version_policy { latest { } }", VersionPolicy(1)),
        ("version_policy { latest { num_versions: 0 } }", VersionPolicy(1)),
        ("version_policy: { all { } }", VersionPolicy(None)),
        ("version_policy: { specific: { versions: [1, 3] } }", VersionPolicy(specific=frozenset({1, 3}))),
        ("version_policy { specific { versions: 1 versions: 3 } }", VersionPolicy(specific=frozenset({1, 3}))),
        ("version_policy < specific < versions: 2 > >", VersionPolicy(specific=frozenset({2}))),
        ("# version_policy: { all { } }\nname: 'm'", VersionPolicy()),
        ('name: "version_policy { all {} }" # {\ninput [{ name: "}" dims: [ -1 ] }, { name: "x" }]', VersionPolicy()),
        ('parameters { key: "version_policy" value { string_value: "all" } }\nversion_policy { all {} }', VersionPolicy(None)),
        ("optimization { version_policy { all {} } }", VersionPolicy()),
        (
            "name: 'm', max_batch_size: 8;\nversion_policy: { specific: { versions: [ 4 ] } },",
            VersionPolicy(specific=frozenset({4})),
        ),
        ("# Gr\xf6\xdfe\nversion_policy { all {} }", VersionPolicy(None)),
        ("version_policy: { latest", VersionPolicy()),
        ("version_policy: { latest { num_versions: many } }", VersionPolicy()),
    ],
)
def test_the_policy_is_read_as_a_server_reads_it(tmp_path: Path, text: str, policy: VersionPolicy) -> None:
    (tmp_path / "config.pbtxt").write_bytes(text.encode("latin-1"))

    assert read_version_policy(tmp_path) == policy


def test_without_a_config_the_greatest_version_is_served(tmp_path: Path) -> None:
    assert read_version_policy(tmp_path).select([1, 2, 10]) == [10]


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        (VersionPolicy(2), [3, 7]),
        (VersionPolicy(9), [1, 3, 7]),
        (VersionPolicy(None), [1, 3, 7]),
        (VersionPolicy(specific=frozenset({1, 7, 8})), [1, 7]),
    ],
)
def test_a_policy_selects_of_the_versions_that_are_there(policy: VersionPolicy, served: list[int]) -> None:
    assert policy.select([1, 3, 7]) == served
