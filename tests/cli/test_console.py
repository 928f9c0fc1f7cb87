"""Tables, JSON, durations in words, and progress only where somebody looks."""

from __future__ import annotations

import json

import pytest

from cxstream.cli.console import in_words, print_json, progress, show, table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, None),
        (0, "0s"),
        (0.25, "0.25s"),
        (59.9, "59.9s"),
        (60, "1m"),
        (61, "1m 1s"),
        (3_600, "1h"),
        (3_661, "1h 1m"),
        (90_061, "1d 1h"),
        (86_400, "1d"),
        (-61, "-1m 1s"),
    ],
)
def test_durations_in_words(seconds, words) -> None:
    assert in_words(seconds) == words


def test_what_is_shown_is_no_markup(capsys) -> None:
    show("[bold]x[/bold]", table("t [red]", "name", "n", rows=[("[b]team[/b]", None), (":smile:", 1.5)]))
    shown = capsys.readouterr().out
    for text in ("[bold]x[/bold]", "[b]team[/b]", ":smile:", "1.5", " -"):
        assert text in shown
    assert "\x1b" not in shown


def test_json_is_readable_and_exact(capsys) -> None:
    print_json({"team": "Büro", "n": 0.1})
    print_json([1], indent=None)
    shown = capsys.readouterr().out
    assert "Büro" in shown
    assert shown.endswith("}\n[1]\n")
    assert json.loads(shown.removesuffix("[1]\n")) == {"team": "Büro", "n": 0.1}


def test_no_progress_without_a_terminal(capsys) -> None:
    with progress("reading", 10) as done:
        done(5)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress("reading", 10) as done:
        done(5)
    out, err = capsys.readouterr()
    assert out == ""
    assert "reading" in err
