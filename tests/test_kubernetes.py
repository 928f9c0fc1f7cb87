"""The example for Kubernetes: what the API server would accept, and whether its parts find each other."""

import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from cxstream.monitoring.query import JOB

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "kubernetes"
OBJECTS = [
    each for path in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text()) if each
]
OWN = [each for each in OBJECTS if not each["apiVersion"].startswith("monitoring.")]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def the(kind, name="cxstream"):
    (found,) = [each for each in OBJECTS if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


@pytest.mark.parametrize("version", ["1.29", "1.37"])
@pytest.mark.parametrize("thing", OWN, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_it_keeps_the_schema_of_kubernetes(thing, version):
    kubernetes_validate.validate(thing, version, strict=True)


def test_the_check_refuses_what_is_no_field():
    wrong = {**the("PodDisruptionBudget"), "spec": {"maxUnavailabel": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.29", strict=True)


def test_everything_selects_the_workers():
    labels = the("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    others = the("Job", "cxstream-topics")["spec"]["template"]["metadata"]["labels"]
    for each in OBJECTS:
        selector = each.get("spec", {}).get("selector", {})
        wanted = selector.get("matchLabels", selector)
        if wanted:
            assert wanted.items() <= labels.items(), each["kind"]
            assert not wanted.items() <= others.items(), each["kind"]
    assert the("StatefulSet")["spec"]["serviceName"] == "cxstream-workers"
    assert the("Service", "cxstream-workers")["spec"]["clusterIP"] == "None"


def test_the_scrape_job_has_the_name_that_alerts_know():
    monitor = the("PodMonitor")["spec"]
    assert the("StatefulSet")["spec"]["template"]["metadata"]["labels"][monitor["jobLabel"]] == JOB
    (endpoint,) = monitor["podMetricsEndpoints"]
    (container,) = the("StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    scrape = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["global"]
    assert endpoint["interval"] == scrape["scrape_interval"]


def test_the_settings_exist(monkeypatch):
    from cxstream.settings import load

    for name, value in the("ConfigMap")["data"].items():
        mounted = ROOT / "deploy" / Path(value).name
        monkeypatch.setenv(name, str(mounted) if value.startswith("/etc/cxstream/") else value)
    settings = load()
    (container,) = the("StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert settings.http_address[1] == container["ports"][0]["containerPort"]
    (port,) = the("Service", "cxstream-workers")["spec"]["ports"]
    assert settings.peers == (f"cxstream-workers:{port['port']}",)
    assert len(settings.policies.policies) == 1


@pytest.mark.parametrize("kind", ["StatefulSet", "Job"])
def test_containers_can_do_little(kind):
    pod = the(kind, "cxstream" if kind == "StatefulSet" else "cxstream-topics")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    user = pod["securityContext"]
    assert user["runAsNonRoot"] is True
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}\n" in (ROOT / "Dockerfile").read_text()
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= container["resources"].keys()
        assert re.fullmatch(r"cxstream:\d+\.\d+\.\d+", container["image"])


def test_probes_ask_what_they_are_for():
    (container,) = the("StatefulSet")["spec"]["template"]["spec"]["containers"]
    paths = {
        name: container[name]["httpGet"]["path"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    pod = the("StatefulSet")["spec"]["template"]["spec"]
    assert f"{pod['terminationGracePeriodSeconds']}s" == COMPOSE["worker"]["stop_grace_period"]
