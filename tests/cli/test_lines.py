"""Files of events: plain, gzip, standard input, and those that cannot be read."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING

import pytest

from cxstream.cli import lines
from cxstream.cli.failure import USAGE, Failure
from cxstream.cli.lines import Line, read_lines

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b'{"a":1}\n\n  {"b":2}\r\n{"c":3}'
LINES = [Line(1, b'{"a":1}'), Line(3, b'{"b":2}'), Line(4, b'{"c":3}')]


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz", "events.anything"])
@pytest.mark.parametrize("zipped", [False, True])
def test_gzip_is_told_by_its_content(tmp_path: Path, name: str, zipped: bool) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT) if zipped else TEXT)
    assert list(read_lines(str(path))) == LINES


@pytest.mark.parametrize("zipped", [False, True])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    content = gzip.compress(TEXT) if zipped else TEXT
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert list(read_lines("-")) == LINES


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT)
    assert list(read_lines(str(path))) == LINES


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_has_no_lines(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    assert list(read_lines(str(path))) == []


def test_a_line_without_end_comes_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_LONGEST", 4)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"abcdefghijkl\nxy\nabc\n")
    assert list(read_lines(str(path))) == [Line(1, b"abcd"), Line(2, b"xy"), Line(3, b"abc")]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(TEXT * 100)[:-20])
    for file in (str(tmp_path / "missing"), str(tmp_path), str(broken)):
        with pytest.raises(Failure) as caught:
            list(read_lines(file))
        assert caught.value.status == USAGE
        assert str(caught.value).startswith(f"{file}: ")
        assert "correct the path" in str(caught.value)
