"""Envoy with the manners of an ALB's gRPC listener: TLS, 128 streams, so many requests a connection, no retries."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from k8s.tests.pods.workload import SETTINGS
from tests.tls.authority import Authority

ENVOY = Path(__file__).parents[3] / "build" / "k8s" / "envoy" / "envoy" / "_bin" / "envoy"
ADMIN_PORT, PORT = 9901, 8443
# The ALB's own numbers.
STREAMS, REQUESTS_PER_CONNECTION = 128, 10_000

_TYPES = "type.googleapis.com/envoy"


class Envoy:
    """One process; `set_endpoints` says where calls go."""

    def __init__(self, folder: Path, requests_per_connection: int = REQUESTS_PER_CONNECTION) -> None:
        self._folder = folder
        self._requests_per_connection = requests_per_connection
        self._version = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.certificate = folder / "ca.pem"
        self.address = f"localhost:{PORT}"

    def start(self) -> None:
        """Returns once it listens."""
        self._folder.mkdir(parents=True)
        self._make_certificates()
        self.set_endpoints({})
        config = self._folder / "envoy.json"
        config.write_text(json.dumps(self._config()))
        with (self._folder / "envoy.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["nice", "-n", "5", ENVOY, "--config-path", config, "--concurrency", "1", "--log-level", "warn"],
                stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + 20
        while not (self._folder / "access.log").exists():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"envoy: {(self._folder / 'envoy.log').read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def set_endpoints(self, states: dict[str, str]) -> None:
        """host:port to HEALTHY, UNHEALTHY or DRAINING, which gets no new calls and keeps those it has."""
        self._version += 1
        endpoints = []
        for address, state in sorted(states.items()):
            host, port = address.rsplit(":", 1)
            where = {"socket_address": {"address": host, "port_value": int(port)}}
            endpoints.append({"health_status": state, "endpoint": {"address": where}})
        assignment = {
            "@type": f"{_TYPES}.config.endpoint.v3.ClusterLoadAssignment",
            "cluster_name": "targets",
            "endpoints": [{"lb_endpoints": endpoints}],
        }
        made = self._folder / "endpoints.new"
        made.write_text(json.dumps({"version_info": str(self._version), "resources": [assignment]}))
        # Envoy sees files that are moved into its folder.
        made.rename(self._folder / "endpoints.json")

    def refusals(self) -> dict[str, int]:
        """Calls that Envoy's log has without an OK, by status, Envoy's flags and details."""
        counts: dict[str, int] = {}
        for line in (self._folder / "access.log").read_text().splitlines():
            status, _, why = line.partition(" ")
            if status != "OK":
                counts[f"{status} {why}"] = counts.get(f"{status} {why}", 0) + 1
        return counts

    def _make_certificates(self) -> None:
        """An authority's, for callers, and the balancer's own."""
        authority = Authority("balancer's authority")
        identity = authority.issue()
        self.certificate.write_bytes(authority.pem)
        (self._folder / "server.pem").write_bytes(identity.chain)
        (self._folder / "server.key").write_bytes(identity.key)

    def _config(self) -> dict[str, Any]:
        return {
            "admin": {"address": _local(ADMIN_PORT)},
            "node": {"id": "balancer", "cluster": "balancer"},
            "static_resources": {"listeners": [self._listener()], "clusters": [self._cluster()]},
        }

    def _listener(self) -> dict[str, Any]:
        log = {
            "@type": f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(self._folder / "access.log"),
            "log_format": {
                "text_format_source": {
                    "inline_string": "%GRPC_STATUS% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
                }
            },
        }
        manager = {
            "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "balancer",
            "codec_type": "HTTP2",
            "http2_protocol_options": {"max_concurrent_streams": STREAMS},
            "common_http_protocol_options": {
                "idle_timeout": "60s",
                "max_requests_per_connection": self._requests_per_connection,
            },
            # Between the first GOAWAY and the last one of a connection that has had its requests.
            "drain_timeout": "1s",
            "access_log": [{"name": "file", "typed_config": log}],
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [
                            {"match": {"prefix": "/"}, "route": {"cluster": "targets", "timeout": "60s"}}
                        ],
                    }
                ]
            },
            "http_filters": [
                {
                    "name": "router",
                    "typed_config": {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"},
                }
            ],
        }
        tls = {
            "@type": f"{_TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_certificates": [
                    {
                        "certificate_chain": {"filename": str(self._folder / "server.pem")},
                        "private_key": {"filename": str(self._folder / "server.key")},
                    }
                ],
            },
        }
        return {
            "name": "https",
            "address": _local(PORT),
            "filter_chains": [
                {
                    "transport_socket": {"name": "tls", "typed_config": tls},
                    "filters": [{"name": "manager", "typed_config": manager}],
                }
            ],
        }

    def _cluster(self) -> dict[str, Any]:
        http2 = {
            "@type": f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
            # As many as the server allows; before it has said so Envoy would send more.
            "explicit_http_config": {
                "http2_protocol_options": {"max_concurrent_streams": SETTINGS.max_concurrent_streams}
            },
        }
        return {
            "name": "targets",
            "type": "EDS",
            "connect_timeout": "2s",
            # The manifests' least_outstanding_requests.
            "lb_policy": "LEAST_REQUEST",
            "eds_cluster_config": {
                "eds_config": {
                    "resource_api_version": "V3",
                    "path_config_source": {
                        "path": str(self._folder / "endpoints.json"),
                        "watched_directory": {"path": str(self._folder)},
                    },
                }
            },
            "typed_extension_protocol_options": {
                f"{_TYPES.split('/')[1]}.extensions.upstreams.http.v3.HttpProtocolOptions": http2
            },
            # Health is what set_endpoints says, and nothing else.
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
            "ignore_health_on_host_removal": True,
        }


def _local(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
