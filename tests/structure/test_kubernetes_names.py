"""k8s/, Dockerfile, config.py and documents agree on ports, health names, users and metrics."""

import json
import re

import pytest

from penstock import service_config
from penstock.config import Settings
from penstock.health import LIVENESS, READINESS
from tests.structure import manifests as k8s

DEFAULTS = Settings()
OPERATIONS = (k8s.ROOT / "docs" / "operations.md").read_text()
DOCKERFILE = (k8s.ROOT / "Dockerfile").read_text()

PORTS = {"http": DEFAULTS.http_port, "grpc": DEFAULTS.port, "metrics": DEFAULTS.metrics_port}


def texts_below_k8s() -> dict[str, str]:
    kinds = (".yaml", ".json", ".md", ".env")
    files = [f for f in sorted(k8s.K8S.rglob("*")) if f.suffix in kinds and f.is_file()]
    return {str(f.relative_to(k8s.ROOT)): f.read_text() for f in files}


def documented_metrics() -> set[str]:
    table = OPERATIONS.split("## Metrics", 1)[1].split("## Logs", 1)[0]
    return set(re.findall(r"^\| `(penstock_[a-z0-9_]+)`", table, re.MULTILINE))


def used_metrics() -> dict[str, set[str]]:
    """Names of metrics in each file below k8s/ and in the runbooks."""
    texts = texts_below_k8s()
    texts["docs/operate.md"] = (k8s.ROOT / "docs" / "operate.md").read_text()
    metric = re.compile(r"\bpenstock_[a-z0-9_]+")
    return {name: found for name, text in texts.items() if (found := set(metric.findall(text)))}


def test_ports_are_the_servers_in_image_manifests_and_documents() -> None:
    (exposed,) = re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)
    assert {int(port) for port in exposed.split()} == set(PORTS.values())
    for way in k8s.WAYS:
        ports = {p["name"]: p["containerPort"] for p in k8s.container(k8s.render(way))["ports"]}
        assert ports == PORTS, way
    for port, setting in ((8000, "http_port"), (8001, "port"), (8002, "metrics_port")):
        assert getattr(DEFAULTS, setting) == port
        assert re.search(rf"^\| {port} \|.*`{setting}`", OPERATIONS, re.MULTILINE)


def test_balancers_that_name_a_port_by_number_name_one_of_the_servers() -> None:
    for name, text in texts_below_k8s().items():
        numbers = {int(n) for n in re.findall(r"\b(80\d\d)\b", text)}
        # The Cluster Autoscaler's own health port.
        assert numbers <= {*PORTS.values(), 8085}, name


def test_the_user_is_the_images_everywhere() -> None:
    (uid, gid) = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)[0]
    for way in k8s.WAYS:
        context = k8s.pod(k8s.render(way))["securityContext"]
        assert (str(context["runAsUser"]), str(context["runAsGroup"])) == (uid, gid)


def test_health_names_are_the_servers() -> None:
    for way in (*k8s.WAYS, "components/kserve"):
        text = json.dumps(k8s.render(way))
        named = set(re.findall(r'"grpc": \{"port": \d+, "service": "(\w+)"\}', text))
        assert named in ({READINESS, LIVENESS}, set()), way
    assert READINESS != LIVENESS
    assert f"service `{LIVENESS}`" in OPERATIONS
    assert f"service `{READINESS}`" in OPERATIONS


def test_balancers_ask_the_probe_that_fails_while_models_load() -> None:
    proto = (k8s.ROOT / "proto" / "penstock" / "v1" / "probe.proto").read_text()
    (service,) = re.findall(r"^service (\w+)", proto, re.MULTILINE)
    (method,) = re.findall(r"^  rpc (\w+)", proto, re.MULTILINE)
    path = f"/penstock.v1.{service}/{method}"
    assert path == "/penstock.v1.Probe/Ready"
    for name in ("components/alb-ingress/ingress.yaml", "components/gateway-api/target-group.yaml"):
        assert path in (k8s.K8S / name).read_text()
    assert path.removeprefix("/") in OPERATIONS
    assert path in (k8s.ROOT / "docs" / "deploy.md").read_text()


def test_the_images_end_by_sigterm_is_what_the_drain_waits_for() -> None:
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    assert 'ENTRYPOINT ["penstock", "serve"]' in DOCKERFILE


@pytest.mark.parametrize("file", sorted(used_metrics()))
def test_metrics_in_rules_dashboards_and_runbooks_are_the_servers(file: str) -> None:
    known = documented_metrics()
    assert "penstock_process_load_ratio" in known
    histograms = {f"{name}_{part}" for name in known for part in ("bucket", "sum", "count")}
    unknown = used_metrics()[file] - known - histograms
    # A regular expression over several metrics of a histogram.
    assert {name for name in unknown if not name.endswith("_")} == set()


def test_every_metric_in_the_documents_is_in_the_engine() -> None:
    sources = [f.read_text() for f in (k8s.ROOT / "fastpath" / "src").rglob("*.rs")]
    sources += [f.read_text() for f in (k8s.ROOT / "service" / "penstock").rglob("*.py")]
    engine = "\n".join(sources)
    assert {name for name in documented_metrics() if name not in engine} == set()


def test_the_autoscaler_and_keda_scale_by_the_same_metric_behaviour_and_target() -> None:
    scaler = k8s.one(k8s.render("base"), "HorizontalPodAutoscaler")["spec"]
    scaled = k8s.one(k8s.render("components/keda"), "ScaledObject")["spec"]
    metric = scaler["metrics"][0]["pods"]
    (trigger,) = scaled["triggers"]
    assert metric["metric"]["name"] in trigger["metadata"]["query"]
    assert metric["target"]["averageValue"] == f"{float(trigger['metadata']['threshold']) * 1000:.0f}m"
    assert scaler["behavior"] == scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (
        scaled["minReplicaCount"],
        scaled["maxReplicaCount"],
    )


def test_every_alarm_has_a_runbook_by_its_name() -> None:
    rule = k8s.one(k8s.render("components/podmonitor"), "PrometheusRule")["spec"]
    alarms = [r["alert"] for group in rule["groups"] for r in group["rules"] if "alert" in r]
    runbooks = (k8s.ROOT / "docs" / "operate.md").read_text()
    assert alarms
    assert [alarm for alarm in alarms if alarm not in runbooks] == []


def test_keda_asks_for_the_namespace_that_it_scales() -> None:
    for way in (*k8s.OVERLAYS, "components/keda"):
        for scaled in k8s.of_kind(k8s.render(way), "ScaledObject"):
            namespace = scaled["metadata"].get("namespace", "penstock")
            assert f'namespace="{namespace}"' in scaled["spec"]["triggers"][0]["metadata"]["query"], way


def test_the_service_config_in_the_documents_retries_services_that_there_are() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", (k8s.ROOT / "docs" / "deploy.md").read_text(), re.DOTALL)
    assert text == service_config()
    (method,) = json.loads(text)["methodConfig"]
    protos = {
        "inference.GRPCInferenceService": "inference/open_inference.proto",
        "penstock.v1.Prediction": "penstock/v1/prediction.proto",
    }
    assert {each["service"] for each in method["name"]} == set(protos)
    for each in method["name"]:
        text = (k8s.ROOT / "proto" / protos[each["service"]]).read_text()
        assert f"service {each['service'].rsplit('.', 1)[1]} {{" in text
        # One request, one answer: a stream would be cut by the timeout.
        assert re.search(rf"rpc {each['method']}\(\w+\) returns \(\w+\);", text), each
    assert method["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    timeout_s = float(method["timeout"].removesuffix("s"))
    assert timeout_s <= k8s.settings(k8s.render("base")).max_timeout_ms / 1000
