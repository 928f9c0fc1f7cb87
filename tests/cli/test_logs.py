"""Logs: ours and those of libraries alike, one object per line for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from cxstream.cli import logs
from cxstream.settings import load


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in logs._QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def test_json(capsys) -> None:
    logs.set_up(load(log_format="json"))
    structlog.get_logger("cxstream.x").info("applied", topic="agent-replied", offset=7)
    logging.getLogger("some.library").warning("odd %s", "thing")
    out, err = capsys.readouterr()
    ours, theirs = map(json.loads, err.splitlines())
    assert out == ""
    assert (ours["event"], ours["topic"], ours["offset"], ours["level"]) == (
        "applied",
        "agent-replied",
        7,
        "info",
    )
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("odd thing", "some.library", "warning")
    assert ours["timestamp"].endswith("Z")


def test_json_keeps_a_traceback_on_its_line(capsys) -> None:
    logs.set_up(load(log_format="json"))
    try:
        [].pop()
    except IndexError:
        structlog.get_logger("cxstream.x").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "IndexError: pop from empty list" in json.loads(line)["exception"]


def test_console(capsys) -> None:
    logs.set_up(load())
    structlog.get_logger("cxstream.x").info("applied", offset=7)
    err = capsys.readouterr().err
    assert "applied" in err
    assert "offset=7" in err
    assert "\x1b" not in err


def test_levels(capsys) -> None:
    logs.set_up(load(log_level="warning"))
    structlog.get_logger("cxstream.x").info("not this")
    logging.getLogger("faust.app").info("nor this")
    logging.getLogger("aiokafka.conn").warning("nor that")
    structlog.get_logger("cxstream.x").warning("but this")
    assert capsys.readouterr().err.count("\n") == 1


def test_debug_shows_libraries_too(capsys) -> None:
    logs.set_up(load(log_level="debug"))
    logging.getLogger("aiokafka.conn").debug("a detail")
    assert "a detail" in capsys.readouterr().err


def test_set_up_twice_logs_once(capsys) -> None:
    logs.set_up(load())
    logs.set_up(load())
    structlog.get_logger("cxstream.x").info("once")
    assert capsys.readouterr().err.count("once") == 1


def test_what_a_kafka_client_tries_again_is_told_at_debug_only(capsys) -> None:
    """While a broker is away these are a hundred lines a second."""
    for level, told in (("info", 0), ("debug", 1)):
        logs.set_up(load(log_level=level))
        logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", 1, "refused")
        assert capsys.readouterr().err.count("Unable connect") == told


def test_what_a_kafka_client_does_not_get_over_is_told(capsys) -> None:
    logs.set_up(load())
    try:
        [].pop()
    except IndexError:
        logging.getLogger("aiokafka.consumer.fetcher").exception("Unexpected error in fetcher routine")
    assert "IndexError: pop" in capsys.readouterr().err


def test_a_traceback_shows_no_variables(capsys) -> None:
    logs.set_up(load())
    password = "hunter2"
    try:
        {}[len(password)]
    except KeyError:
        structlog.get_logger("cxstream.x").exception("failed")
    told = capsys.readouterr().err
    assert "KeyError: 7" in told
    assert "hunter2" not in told
