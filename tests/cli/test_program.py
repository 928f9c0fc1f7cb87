"""The program as a whole: help, failures in one line, exit statuses, and what is imported when."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from cxstream.cli.failure import Failure, no, one_line, usage
from cxstream.cli.program import program
from cxstream.settings import SettingsError

COMMANDS = [
    "demo",
    "worker",
    "simulate",
    "replay",
    "report",
    "validate",
    "ticket",
    "audit",
    "dead-letters",
    "reset",
    "top",
    "schemas",
    "dashboards",
    "rules",
    "check",
    "topics",
]
GROUPS = {"topics": ("create", "check"), "dead-letters": ("list", "show", "replay")}
ALL = [*([name] for name in COMMANDS), *([group, name] for group, names in GROUPS.items() for name in names)]


def _paths(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name)
        if hasattr(command, "commands"):
            yield from _paths(command, (*path, name))


def test_the_commands_are_those_of_the_contract() -> None:
    assert sorted(_paths(get_command(program))) == sorted(map(tuple, ALL))


@pytest.mark.parametrize("command", [[], *ALL], ids=" ".join)
def test_every_help_has_an_example(run, command) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    after = result.stdout.split("Example")[1]
    assert f"  cxstream {' '.join(command)}".rstrip() in after or "CXSTREAM_" in after
    assert result.stderr == ""


def test_version(run) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("cxstream ")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["bogus"], "bogus"),
        (["report"], "FILE"),
        (["report", "x", "--by", "agent"], "agent"),
        (["report", "x", "--bogus"], "--bogus"),
        (["report", "x", "--at", "yesterday"], "--at 'yesterday' is no instant"),
        (["report", "missing.jsonl"], "missing.jsonl: No such file or directory"),
        (["report", "x", "--config", "missing.yaml"], "missing.yaml"),
        (["validate", "missing.jsonl"], "missing.jsonl"),
        (["replay", "x", "--speed", "fast"], "--speed"),
        (["topics", "bogus"], "bogus"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run, args, told) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert told in result.stderr


def test_wrong_settings_are_one_line_and_status_2(run, monkeypatch) -> None:
    monkeypatch.setenv("CXSTREAM_TIMEZONE", "Mars/Olympus")
    for command in (["report", "-"], ["check"], ["topics", "check"], ["worker"]):
        result = run(*command)
        assert result.exit_code == 2
        assert result.stderr.startswith("error: CXSTREAM_TIMEZONE: ")
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (Failure("nothing\nfound: look", 1), 1, "error: nothing found: look\n"),
        (SettingsError("CXSTREAM_X is wrong: correct it"), 2, "error: CXSTREAM_X is wrong: correct it\n"),
        (RuntimeError("odd"), 1, "error: RuntimeError: odd: for the traceback set CXSTREAM_LOG_LEVEL=debug"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_any_exception_is_one_line(run, monkeypatch, error, status, told) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("cxstream.cli.lines.read_lines", fail)
    result = run("validate", "x")
    assert result.exit_code == status
    assert result.stderr.startswith(told)
    assert "Traceback" not in result.stderr


def test_a_developer_can_have_the_traceback(run, monkeypatch) -> None:
    monkeypatch.setenv("CXSTREAM_LOG_LEVEL", "debug")
    monkeypatch.setattr("cxstream.cli.lines.read_lines", lambda *_: 1 / 0)
    assert "Traceback" in run("validate", "x").stderr


def test_failures() -> None:
    with pytest.raises(Failure, match="a b") as caught:
        no("a\n  b")
    assert caught.value.status == 1
    with pytest.raises(Failure) as caught:
        usage("c")
    assert caught.value.status == 2
    assert one_line(ValueError(" a\n b ")) == "a b"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom cxstream.cli.program import program\n"
        "try: program(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    imported = done.stdout.splitlines()[-1]
    for heavy in (
        "pydantic",
        "pydantic_settings",
        "faust",
        "aiokafka",
        "aiohttp",
        "rich",
        "confluent_kafka",
        "structlog",
    ):
        assert f"'{heavy}'" not in imported
