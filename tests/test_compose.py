"""The image and `docker-compose.yml`: valid, pinned, bounded, reachable from this machine only."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"

each_service = pytest.mark.parametrize("name", SERVICES)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_compose_accepts_it(tool, monkeypatch):
    monkeypatch.delenv("COMPOSE_FILE", raising=False)
    # Names what a later file may demand with ${VAR:?…}, as a user does in .env.
    done = run(tool("docker-compose"), "--env-file", ".env.example", "--file", FILE, "config", "--quiet")
    assert done.returncode == 0, done.stderr


def test_it_keeps_the_schema_of_compose(tool):
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", FILE)
    assert done.returncode == 0, done.stdout


def test_the_dockerfile_passes_hadolint(tool):
    done = run(tool("hadolint"), "Dockerfile")
    assert done.returncode == 0, done.stdout


@pytest.mark.prometheus
def test_prometheus_accepts_its_configuration(tool):
    done = run(tool("promtool"), "check", "config", PROMETHEUS)
    assert done.returncode == 0, done.stdout + done.stderr


@each_service
def test_the_image_is_pinned(name):
    if name not in OURS:
        assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+", SERVICES[name]["image"])


@each_service
def test_its_use_of_the_machine_is_bounded(name):
    assert {"cpus", "mem_limit", "pids_limit"} <= SERVICES[name].keys()


@each_service
def test_its_ports_are_open_to_this_machine_only(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_a_service_that_stays_is_watched_and_restarted(name):
    service = SERVICES[name]
    if service["restart"] == "no":
        return
    assert service["restart"] == "unless-stopped"
    if "ports" in service:
        assert {"test", "interval", "timeout", "retries"} <= service["healthcheck"].keys()


@each_service
def test_what_it_waits_for_can_come_true(name):
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if wait["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"
        # Waiting for a service of a profile that is off would never end.
        assert set(SERVICES[other].get("profiles", [])) <= set(SERVICES[name].get("profiles", []))


@each_service
def test_what_it_mounts_exists(name):
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name):
    service = OURS[name]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", OURS)
def test_our_commands_exist(name):
    done = run(sys.executable, "-m", "cxstream", *OURS[name]["command"], "--help")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", OURS)
def test_our_settings_exist(name, monkeypatch):
    from cxstream.settings import load

    mounted = dict(reversed(volume.split(":")[:2]) for volume in OURS[name]["volumes"])
    for variable, value in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, str(ROOT / mounted[value]) if value in mounted else value)
    assert load().http == "0.0.0.0:6066"


def test_the_image_runs_as_nobody_in_particular():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    user = [line for line in lines if line.startswith("USER ")]
    assert user == ["USER 10001:10001"]
    assert any("uid=10001" in mount for mount in OURS["worker"]["tmpfs"])


def test_what_the_image_copies_reaches_the_builder():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for line in copied for name in line.split()} == kept
    assert all((ROOT / name).exists() for name in kept)


def test_prometheus_finds_every_worker():
    config = yaml.safe_load(PROMETHEUS.read_text())
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == "cxstream"]
    (found,) = job["dns_sd_configs"]
    assert found["names"] == ["worker"]
    assert "worker" in SERVICES  # the name of a service leads to all its replicas
    assert SERVICES["worker"]["environment"]["CXSTREAM_HTTP"] == f"0.0.0.0:{found['port']}"
    assert "container_name" not in SERVICES["worker"]  # a fixed name cannot be scaled


def test_kafka_is_the_release_that_the_tests_run():
    pom = (ROOT / "tests" / "kafka" / "pom.xml").read_text()
    (version,) = re.findall(r"<kafka\.version>(.*)</kafka\.version>", pom)
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"


def test_one_worker_per_partition_has_a_port():
    (ports,) = SERVICES["worker"]["ports"]
    first, last = re.fullmatch(r"127\.0\.0\.1:(\d+)-(\d+):6066", ports).groups()
    assert int(last) - int(first) + 1 == 4  # PARTITIONS by default


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_the_containers_of_others_can_do_little_too(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name != "kafka":
        assert service["read_only"] is True
        assert not service["user"].startswith("0")


@each_service
def test_no_secret_stands_in_the_environment(name):
    service = SERVICES[name]
    for variable, value in service.get("environment", {}).items():
        if re.search("PASSWORD|SECRET|TOKEN", variable):
            assert variable.endswith("_FILE")
            secret = value.removeprefix("/run/secrets/")
            assert secret in service["secrets"]
            assert "file" in COMPOSE["secrets"][secret]


@each_service
def test_it_has_time_to_end_in_order(name):
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= 30


def mount(name, inside):
    """The file or folder of this repository that a service sees under a path."""
    for volume in SERVICES[name]["volumes"]:
        source, target, *_ = volume.split(":")
        if Path(inside).is_relative_to(target):
            return ROOT / source / Path(inside).relative_to(target)
    raise AssertionError(f"{name} mounts nothing at {inside}")


def test_every_service_finds_the_others():
    config = yaml.safe_load(PROMETHEUS.read_text())
    (manager,) = config["alerting"]["alertmanagers"]
    (target,) = manager["static_configs"][0]["targets"]
    name, port = target.split(":")
    assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]
    (source,) = yaml.safe_load(
        mount("grafana", "/etc/grafana/provisioning/datasources/prometheus.yml").read_text()
    )["datasources"]
    name, port = source["url"].removeprefix("http://").split(":")
    assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_every_service_sees_its_generated_files():
    for option in SERVICES["prometheus"]["command"] + SERVICES["alertmanager"]["command"]:
        name, _, path = option.partition("=")
        if name == "--config.file":
            assert mount(Path(path).stem, path).exists()
    (rules,) = yaml.safe_load(PROMETHEUS.read_text())["rule_files"]
    assert mount("prometheus", f"/etc/prometheus/{rules}").exists()
    provider = mount("grafana", "/etc/grafana/provisioning/dashboards/cxstream.yml").read_text()
    (folder,) = (each["options"]["path"] for each in yaml.safe_load(provider)["providers"])
    assert len(list(mount("grafana", folder).glob("*/*.json"))) == 5
    assert mount(
        "grafana", SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    ).exists()


def test_the_month_of_an_objective_is_kept():
    (kept,) = [option for option in SERVICES["prometheus"]["command"] if "retention.time" in option]
    assert int(re.search(r"=(\d+)d", kept)[1]) > 30
