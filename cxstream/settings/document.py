"""A YAML document that remembers the line of everything in it, so that an error can say where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from cxstream.settings.values import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from pydantic import ValidationError

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value: ``("policies", 0, "name")``."""

_MOST_TOLD: Final = 3  # errors in one line; the rest come when these are corrected


class PolicyError(Exception):
    """An SLA policy that cannot be used; the text is one line with file, line, field, cause and remedy."""


class Refused(ValueError):  # noqa: N818 - becomes a PolicyError as soon as the line is known
    """A value that does not fit to others."""

    def __init__(self, place: Place, text: str) -> None:
        super().__init__(text)
        self.place = place
        self.text = text


class Document:
    """What a file holds, and on which lines."""

    def __init__(self, path: Path) -> None:
        """Raise ``PolicyError`` if it cannot be read."""
        self.path = path
        self._lines: dict[Place, int] = {}
        try:
            text = path.read_text(encoding="utf-8")
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            if node is not None:
                self._walk(node, ())
            self.content: Any = yaml.safe_load(text)
        except OSError as error:
            raise PolicyError(f"{path}: {error.strerror}: correct the path in CXSTREAM_SLA_POLICY") from None
        except UnicodeDecodeError:
            raise PolicyError(f"{path} is not UTF-8: save it as UTF-8") from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            problem = getattr(error, "problem", None) or "no YAML"
            raise PolicyError(f"{path}{line}: {problem}: correct it") from None
        if not isinstance(self.content, dict):
            raise PolicyError(f"{path} holds no policy: begin with `version: 1` and `policies:`")

    def error(self, place: Place, text: str) -> PolicyError:
        """The error about a value."""
        name = ".".join(map(str, place))
        return PolicyError(
            f"{self.path}, line {self._line(place)}: {name}: {text}" if name else f"{self.path}: {text}"
        )

    def explain(self, error: ValidationError, known: Collection[str]) -> PolicyError:
        """What pydantic found, in the words of this project."""
        problems = error.errors(include_url=False)
        told = []
        for problem in problems[:_MOST_TOLD]:
            place = tuple(part for part in problem["loc"] if part != "[key]")
            told.append(str(self.error(place, _words(problem, place, known))))
        more = len(problems) - len(told)
        return PolicyError("; ".join(told) + (f"; and {more} more" if more else ""))

    def _line(self, place: Place) -> int:
        """The line of the value, or of the nearest one around it that is written."""
        known = self._lines
        while place not in known:
            if not place:
                return 1
            # Targets may stand in the policy itself, where they are read as if in `targets`.
            shorter = (*place[:2], *place[3:])
            if place[2:3] == ("targets",) and shorter in known:
                return known[shorter]
            place = place[:-1]
        return known[place]

    def _walk(self, node: yaml.Node, place: Place) -> None:
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            for position, child in enumerate(node.value):
                self._walk(child, (*place, position))
        elif isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                inner = (*place, str(key.value))
                if inner in self._lines:
                    line = key.start_mark.line + 1
                    raise PolicyError(f"{self.path}, line {line}: {key.value} is given twice: keep one")
                self._lines[inner] = key.start_mark.line + 1
                self._walk(child, inner)


def _words(problem: Any, place: Place, known: Collection[str]) -> str:
    """Cause and remedy of one problem."""
    kind, text, given = problem["type"], problem["msg"], problem["input"]
    if kind == "value_error":
        return str(text).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"no field of this place{did_you_mean(str(place[-1]), known)}: correct or remove it"
    if kind == "missing":
        return "is missing: add it"
    if kind == "literal_error":
        expected = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        hint = did_you_mean(str(given), expected.split(", "))
        return f"{given!r} is none of {expected}{hint}: choose one of them"
    return f"{given!r}: {text[0].lower()}{text[1:]}: correct it"
