"""`dashboards` and `rules`: written where they differ, compared with --check, refused with a remedy."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError

import pytest

COMMANDS = {
    "dashboards": ("overview.json", "boards"),
    "rules": ("prometheus/cxstream.rules.yml", "deploy"),
}
each = pytest.mark.parametrize(("command", "name"), [(c, name) for c, (name, _) in COMMANDS.items()])


@each
def test_what_is_written_is_found_to_agree_until_it_is_touched(run, tmp_path, command, name) -> None:
    first = run(command, "--out", tmp_path, "--json")
    assert first.exit_code == 0
    assert name in json.loads(first.stdout)["differing"]
    assert run(command, "--check", "--out", tmp_path).exit_code == 0
    written = tmp_path / name
    text = written.read_text()
    written.write_text(text + " ")
    drifted = run(command, "--check", "--out", tmp_path)
    assert drifted.exit_code == 1
    assert drifted.stderr.startswith(
        f"error: {name} in {tmp_path} differ from catalogue and policy: run `cxstream"
    )
    assert written.read_text() == text + " "  # only compared
    assert name in run(command, "--out", tmp_path).stdout
    assert written.read_text() == text


@each
def test_settings_that_leave_no_team_are_refused(run, tmp_path, monkeypatch, command, name) -> None:
    monkeypatch.setenv("CXSTREAM_LABELS", "priority")
    monkeypatch.setenv("CXSTREAM_WINDOW_LABELS", "channel")
    result = run(command, "--out", tmp_path)
    assert result.exit_code == 2
    assert "name team" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("found", ["0.0.20", None])
def test_without_the_right_sdk_the_remedy_is_told(run, tmp_path, monkeypatch, found) -> None:
    def version(name: str) -> str:
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr("cxstream.cli.dashboards.version", version)
    result = run("dashboards", "--out", tmp_path)
    assert result.exit_code == 2
    assert "pip install grafana-foundation-sdk==0.0.21" in result.stderr
    assert str(found or "missing") in result.stderr


def test_alerts_link_to_the_addresses_given(run, tmp_path, monkeypatch) -> None:
    options = (
        "--worker",
        "http://w/",
        "--grafana",
        "http://g",
        "--runbook",
        "http://r",
        "--notify",
        "http://n/",
    )
    assert run("rules", "--out", tmp_path, *options).exit_code == 0
    rules = (tmp_path / "prometheus" / "cxstream.rules.yml").read_text()
    assert "tickets_url: http://w/\n" in rules  # single tickets are closed: the live page
    assert "runbook_url: http://r#cxticketsbreachingnow" in rules
    assert "dashboard_url: http://g/d/cx-sla?var-team={{ $labels.team }}" in rules
    assert "url: http://n/support-oncall" in (tmp_path / "alertmanager" / "alertmanager.yml").read_text()
    monkeypatch.setenv("CXSTREAM_TICKET_API", "1")
    assert run("rules", "--out", tmp_path, *options).exit_code == 0
    rules = (tmp_path / "prometheus" / "cxstream.rules.yml").read_text()
    assert "tickets_url: http://w/api/tickets?state=breached&fleet=1\n" in rules
