"""The log records of Turnout and its plugins."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Iterator

import pytest

from turnout.hidden_values import hide_value
from turnout.log_records import ShownRecord, install, show_records_of


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("name", ["turnout", "turnout.middleware.fallback", "turnout_triton.client", "acme.models"])
def test_a_record_is_one_line_that_no_text_forges(name: str, log: io.StringIO) -> None:
    show_records_of("acme")
    hide_value("hunter2-and-more", "${PASSWORD}")

    logging.getLogger(name).warning("failed: %s, %r", "x\nERROR:root:forged \x1b[2J", "hunter2-and-more")

    assert log.getvalue() == "failed: x ERROR:root:forged \\x1b[2J, '${PASSWORD}'\n"


def test_the_traceback_of_a_record_is_escaped(log: io.StringIO) -> None:
    try:
        raise ValueError("x\nERROR:root:forged")
    except ValueError:
        logging.getLogger("turnout.test").exception("failed")

    assert log.getvalue().splitlines()[-1] == "ValueError: x ERROR:root:forged"


def test_a_record_keeps_its_template_and_arguments(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("turnout.test").warning("failed: %s", "a\nb")

    [record] = caplog.records
    assert (record.msg, record.args) == ("failed: %s", ("a\nb",))
    assert pickle.loads(pickle.dumps(record)).getMessage() == "failed: a b"


def test_records_of_other_packages_are_not_touched(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("elsewhere").warning("two\nlines")

    [record] = caplog.records
    assert type(record) is logging.LogRecord
    assert record.getMessage() == "two\nlines"


def test_a_factory_of_the_app_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    class Own(logging.LogRecord):
        pass

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Own)
    try:
        install()
        install()
        logging.getLogger("turnout.test").warning("a\n%s", "\x1b")
    finally:
        logging.setLogRecordFactory(before)

    [record] = caplog.records
    assert type(record) is Own
    assert record.getMessage() == "a \\x1b"
    assert not isinstance(record, ShownRecord)
