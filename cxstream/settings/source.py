"""Reading the settings: the environment wins over the file, and a wrong one is told in one line."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import ValidationError

from cxstream.settings.model import PREFIX, SECRETS, Settings
from cxstream.settings.values import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

# Variables with our prefix that are no settings: the place of the file, switches of the test suite, and what
# Kubernetes and Docker put into every container beside a service called cxstream.
_FOREIGN: Final = re.compile(
    r"CXSTREAM_(CONFIG|(REQUIRE|TEST)_\w+|(\w+_)?SERVICE_(HOST|PORT)(_\w+)?|(\w+_)?PORT(_\d+_(TCP|UDP)(_\w+)?)?)"
)


class SettingsError(Exception):
    """Settings that cannot be used; the text is one line with cause and remedy."""


def load(config: Path | None = None, **flags: object) -> Settings:
    """Read the settings: ``flags`` (options of a command) over the environment over the file ``config``.

    Raises ``SettingsError``.
    """
    _refuse_unknown_variables()
    written = {} if config is None else _read(config)
    below: dict[str, Any] = {name: value for name, value in written.items() if _variable(name) is None}
    try:
        settings = Settings(**(below | flags))
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(error, config, flags))) from None
    origins = {name: _origin(name, config, flags) for name in settings.model_fields_set}
    settings._origins.update(origins)  # noqa: SLF001 - Settings keeps them for `check`, only this module knows them
    return settings


def _refuse_unknown_variables() -> None:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and not _FOREIGN.fullmatch(name):
            message = f"{name} is no setting{did_you_mean(name, known)}: correct or unset it"
            raise SettingsError(message)


def _read(config: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{config}: {error.strerror}: correct the path given with --config"
        raise SettingsError(message) from None
    except UnicodeDecodeError:
        message = f"{config} is not UTF-8: save it as UTF-8"
        raise SettingsError(message) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        message = f"{config}{place}: {getattr(error, 'problem', None) or 'no YAML'}: correct it"
        raise SettingsError(message) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        message = f"{config} holds no settings: write lines such as `brokers: localhost:9092`"
        raise SettingsError(message)
    for name in content:
        if name not in Settings.model_fields:
            hint = did_you_mean(str(name).lower().removeprefix(PREFIX.lower()), Settings.model_fields)
            message = f"{name} in {config} is no setting{hint}: correct or remove it"
            raise SettingsError(message)
    return {name: value for name, value in content.items() if value is not None}


def _variable(name: str) -> str | None:
    """The variable that sets ``name`` now; a secret's own and its ``_FILE`` are one."""
    secret = name.removesuffix("_file")
    names = (secret, f"{secret}_file") if secret in SECRETS else (name,)
    return next((v for v in (PREFIX + n.upper() for n in names) if os.environ.get(v)), None)


def _origin(name: str, config: Path | None, flags: dict[str, object]) -> str:
    if name in flags:
        return "command line"
    return _variable(name) or f"{name} in {config}"


def _explain(error: ValidationError, config: Path | None, flags: dict[str, object]) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        text = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(text)  # a rule between settings: the text names them
            continue
        name = str(problem["loc"][0])
        given = problem["input"]
        if problem["type"] != "value_error" and name not in SECRETS:
            text = f"{given!r}: {text[0].lower()}{text[1:]}"
        lines.append(f"{_origin(name, config, flags)}: {text}")
    return lines
