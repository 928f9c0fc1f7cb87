"""The house rules: which room may import which, the names and sizes of modules, and what no file may say."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import cxstream

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "cxstream").rglob("*.py"))
LONGEST = 350  # lines
CORE_AND_SETTINGS = {"core", "settings"}

# What a room may import of the others. `cxstream.__version__` is free to all but core.
ALLOWED = {
    "core": set(),
    "settings": {"core"},
    "stream": CORE_AND_SETTINGS,
    "metrics": CORE_AND_SETTINGS,
    "gateway": CORE_AND_SETTINGS,
    "monitoring": CORE_AND_SETTINGS | {"metrics"},
    "simulate": CORE_AND_SETTINGS,
    "cli": {"core", "settings", "stream", "metrics", "gateway", "monitoring", "simulate"},
    "__init__": set(),
    "__main__": {"cli"},
}
IMPURE = {"aiohttp", "aiokafka", "asyncio", "faust", "mode", "random", "time"}
STREAM_ONLY = {"aiokafka", "faust", "mode"}
VAGUE = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}

# Written in two parts, so that this file passes its own test.
FOREIGN = [
    re.compile(r"(?<![\w.*-])/" + r"work/"),
    re.compile(r"pypi" + r"\.org|python" + r"hosted|repo1?\." + r"maven|npm" + r"js\.|deb\." + "debian"),
]


def room_of(module: Path) -> str:
    first = module.relative_to(ROOT / "cxstream").parts[0]
    return first.removesuffix(".py")


def imported(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of all that is imported anywhere in the module, relative names resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{origin}.{alias.name}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            for name in node.args[:1]:
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    yield node.lineno, name.value


def breaches(module: Path, source: str) -> list[str]:
    """Each import of the module that its room is not allowed, as `line: name`."""
    room = room_of(module)
    package = list(module.relative_to(ROOT).parent.parts)
    found = []
    for line, name in imported(ast.parse(source), package):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if top == "cxstream":
            ours = other in {room, *ALLOWED[room]} or (room != "core" and other in {"", "__version__"})
            wrong = not ours
        else:
            wrong = (top in IMPURE and room == "core") or (top in STREAM_ONLY and room != "stream")
        if wrong:
            found.append(f"{line}: {name}")
    return found


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def files() -> list[Path]:
    """What git tracks, and what it would; empty outside of a repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def locked(name: str) -> dict[str, list[Requirement]]:
    pins: dict[str, list[Requirement]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if re.match(r"\w", line):
            pin = Requirement(line.removesuffix("\\").strip())
            pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    return pins


@pytest.mark.parametrize("module", MODULES, ids=name_of)
class TestModule:
    def test_imports_only_what_its_room_may(self, module):
        assert room_of(module) in ALLOWED, "a new room: give it a row in ALLOWED and in CONTRIBUTING.md"
        assert breaches(module, module.read_text()) == []

    def test_has_a_docstring(self, module):
        assert ast.get_docstring(ast.parse(module.read_text()))

    def test_is_no_longer_than_can_be_read(self, module):
        assert len(module.read_text().splitlines()) <= LONGEST, f"split {name_of(module)}"

    def test_is_named_by_what_it_is(self, module):
        words = {part for name in module.relative_to(ROOT).with_suffix("").parts for part in name.split("_")}
        assert not words & VAGUE


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core/ticket.py", "import time"),
        ("core/ticket.py", "from asyncio import Queue"),
        ("core/ticket.py", "import cxstream.settings"),
        ("core/ticket.py", "from cxstream import settings"),
        ("core/ticket.py", "from .. import settings"),
        ("core/ticket.py", "from ..stream.table import Store"),
        ("core/ticket.py", "from cxstream import __version__"),
        ("core/ticket.py", "def later():\n    import random"),
        ("core/ticket.py", "import importlib\nimportlib.import_module('faust')"),
        ("metrics/page.py", "from cxstream.stream import app"),
        ("metrics/page.py", "import faust.types"),
        ("stream/agents.py", "from cxstream.metrics.catalogue import NAMES"),
        ("simulate/publish.py", "import aiokafka"),
        ("cli/demo.py", "from aiokafka import admin"),
        ("cli/demo.py", "import mode"),
    ],
)
def test_a_forbidden_import_is_found(module, source):
    assert len(breaches(ROOT / "cxstream" / module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core/ticket.py", "from cxstream.core.event import Event\nfrom . import pane\nimport datetime"),
        ("stream/agents.py", "import faust, asyncio\nfrom ..core import ledger\nimport cxstream.settings"),
        ("metrics/page.py", "import asyncio, aiohttp\nfrom cxstream import __version__"),
        ("cli/demo.py", "from cxstream.stream import app\nfrom cxstream.metrics import page"),
    ],
)
def test_an_allowed_import_is_not(module, source):
    assert breaches(ROOT / "cxstream" / module, source) == []


def test_every_room_of_the_table_is_in_the_map():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert [room for room in ALLOWED if not room.startswith("_") and f"`cxstream/{room}`" not in text] == []


def test_no_file_names_this_machine_or_a_registry():
    tracked = files()
    if not tracked:
        pytest.skip("no git repository")
    said = []
    for path in tracked:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # images and the like
        said += [
            f"{name_of(path)}:{text.count(chr(10), 0, found.start()) + 1}: {found.group()}"
            for pattern in FOREIGN
            for found in pattern.finditer(text)
        ]
    assert said == []


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in text
    assert "Version 2.0, January 2004" in text


def test_the_changelog_has_a_place_for_this_change():
    assert re.search(r"^## \[Unreleased\]$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_version_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert cxstream.__version__ == installed("cxstream") == project["version"]


def test_the_locks_fit_the_project():
    """A dependency changed in pyproject.toml alone would be installed by nobody: `make lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    for lock, wanted in {
        "requirements.lock": project["project"]["dependencies"],
        "requirements-build.lock": groups["build"],
        "requirements-dev.lock": [*project["project"]["dependencies"], *groups["build"], *groups["dev"]],
    }.items():
        pins = locked(lock)
        for want in (Requirement(each) for each in wanted if isinstance(each, str)):
            found = pins.get(canonicalize_name(want.name), [])
            assert found, f"{want.name} is not in {lock}: make lock"
            for pin in found:
                release = str(pin.specifier).removeprefix("==")
                assert want.specifier.contains(release), f"{pin} in {lock}: make lock"


def test_the_locks_agree():
    develop = locked("requirements-dev.lock")
    for lock in ("requirements.lock", "requirements-build.lock"):
        for name, pins in locked(lock).items():
            assert {str(pin.specifier) for pin in develop[name]} == {str(pin.specifier) for pin in pins}, name


def test_scripts_pass_shellcheck(tool):
    scripts = [ROOT / ".ci" / "run", *ROOT.glob("tests/**/*.sh"), *ROOT.glob("deploy/**/*.sh")]
    done = subprocess.run([tool("shellcheck"), *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_make_alone_lists_the_targets(tool):
    listed = subprocess.run([tool("make")], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("install", "demo", "test", "test-deep", "check", "kafka", "bench", "clean"):
        assert f"make {target} " in listed
