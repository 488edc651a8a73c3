"""A metrics API for a cluster without real pods: custom.metrics.k8s.io and metrics.k8s.io, from one offered load.

The load is what keeps so many model threads busy. It is divided over the pods that are ready now, which closes the
loop: scaling out lowers the ratio of each pod, as in production. Calls beyond what the pods can answer are
refused, as by real ones, so that the ratio goes beyond 1; CPU ends at 1.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlparse

from k8s.tests.control_plane import ControlPlane

METRIC = "penstock_process_load_ratio"
CUSTOM, RESOURCE = "custom.metrics.k8s.io/v1beta2", "metrics.k8s.io/v1beta1"
# CPU of a pod whose model thread is always busy, of the one that it has.
CPU_OF_BUSY_POD = 0.95
# Where the ratio ends (fastpath/src/metrics/process_load.rs).
MOST_ASKED_FOR = 10.0

Manifest = dict[str, Any]


class MetricsApi:
    """Served on loopback from `start` to `stop`; `busy_pods` is the load, in pods' worth of model-thread time."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self._plane = plane
        self.busy_pods = 0.0
        # False: as if Prometheus were gone.
        self.has_custom_metric = True
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._answer))
        self._server.socket = _tls(folder).wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        """Also tells the API server where it is."""
        self._thread.start()
        port = self._server.server_address[1]
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "metrics", "namespace": "kube-system"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        }
        manifests = [service, *(_api_service(name, port) for name in (CUSTOM, RESOURCE))]
        everything = {"apiVersion": "v1", "kind": "List", "items": manifests}
        self._plane.kubectl("apply", "--filename", "-", input_text=json.dumps(everything))
        self._plane.kubectl(
            "wait", "--for=condition=Available", "apiservice", f"v1beta2.{CUSTOM.split('/', 1)[0]}"
        )

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str, selector: str) -> Manifest | None:
        if path in (f"/apis/{CUSTOM}", f"/apis/{RESOURCE}"):
            return _resources(path.removeprefix("/apis/"))
        custom = re.fullmatch(rf"/apis/{CUSTOM}/namespaces/([^/]+)/pods/\*/(\w+)", path)
        if custom and custom[2] == METRIC and self.has_custom_metric:
            return self._ratios(custom[1], selector)
        usage = re.fullmatch(rf"/apis/{RESOURCE}/namespaces/([^/]+)/pods", path)
        return self._usage(usage[1], selector) if usage else None

    def _ready(self, namespace: str, selector: str) -> tuple[list[Manifest], float]:
        """The pods that are ready, and the ratio of each."""
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(selector)}&resourceVersion=0"
        pods = [pod for pod in self._plane.get(path)["items"] if serving(pod)]
        return pods, min(MOST_ASKED_FOR, self.busy_pods / max(1, len(pods)))

    def _ratios(self, namespace: str, selector: str) -> Manifest:
        pods, ratio = self._ready(namespace, selector)
        items = [
            {
                "describedObject": {
                    "kind": "Pod",
                    "apiVersion": "/v1",
                    "namespace": namespace,
                    "name": pod["metadata"]["name"],
                },
                "metric": {"name": METRIC, "selector": None},
                "timestamp": _now(),
                "value": f"{ratio * 1000:.0f}m",
            }
            for pod in pods
        ]
        return {"kind": "MetricValueList", "apiVersion": CUSTOM, "metadata": {}, "items": items}

    def _usage(self, namespace: str, selector: str) -> Manifest:
        pods, ratio = self._ready(namespace, selector)
        cpu = f"{min(1.0, ratio) * CPU_OF_BUSY_POD * 1e9:.0f}n"
        items = [
            {
                "metadata": {**pod["metadata"], "managedFields": []},
                "timestamp": _now(),
                "window": "15s",
                "containers": [
                    {"name": each["name"], "usage": {"cpu": cpu, "memory": "500Mi"}}
                    for each in pod["spec"]["containers"]
                ],
            }
            for pod in pods
        ]
        return {"kind": "PodMetricsList", "apiVersion": RESOURCE, "metadata": {}, "items": items}


def serving(pod: Manifest) -> bool:
    """Ready, and not told to go."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _resources(group_version: str) -> Manifest:
    name, kind = ("pods", "PodMetrics")
    if group_version == CUSTOM:
        name, kind = (f"pods/{METRIC}", "MetricValueList")
    resource = {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list"]}
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": [resource],
    }


def _api_service(group_version: str, port: int) -> Manifest:
    group, version = group_version.split("/")
    spec = {
        "group": group,
        "version": version,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        # Its certificate is of the moment, and both ends are on loopback.
        "insecureSkipTLSVerify": True,
        "service": {"name": "metrics", "namespace": "kube-system", "port": port},
    }
    metadata = {"name": f"{version}.{group}"}
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": metadata,
        "spec": spec,
    }


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tls(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "metrics.key", folder / "metrics.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _handler(answer: Callable[[str, str], Manifest | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlparse(self.path)
            found = answer(unquote(asked.path), parse_qs(asked.query).get("labelSelector", [""])[0])
            body = json.dumps(
                found
                or {
                    "kind": "Status",
                    "apiVersion": "v1",
                    "status": "Failure",
                    "reason": "NotFound",
                    "code": 404,
                }
            ).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The API server asks every second."""

    return Handler
