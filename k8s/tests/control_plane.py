"""A real Kubernetes control plane on loopback: etcd, API server, controllers, scheduler, and kwok for nodes.

Nothing of it needs root or leaves the folder that it is given; every process is ended by its own id.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BINARIES = Path(__file__).parents[2] / "build" / "k8s" / "bin"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok")
# Name and group of who may do what; the groups are Kubernetes' own.
USERS = {
    "admin": "admin,1,system:masters",
    "kube-controller-manager": "system:kube-controller-manager,2",
    "kube-scheduler": "system:kube-scheduler,3",
    "kwok": "kwok,4,system:masters",
    "kubelet": "system:node:node-0,5,system:nodes",
}
# Of the autoscaler; Kubernetes' own is 15 s, which a managed control plane does not let you change.
HPA_SYNC_S = 1


class ControlPlane:
    """Started by `start`, ended by `stop`; commands by `kubectl`, requests by `get` and `watch`."""

    def __init__(self, folder: Path, *, simulated: bool = True) -> None:
        """With `simulated`, kwok plays nodes and pods."""
        self.folder = folder
        self._simulated = simulated
        self._pki = folder / "pki"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._api, self._etcd, self._etcd_peer, *rest = _free_ports(6)
        self._manager, self._scheduler, self._kwok = rest
        self.address = f"https://127.0.0.1:{self._api}"

    def start(self) -> None:
        """Returns when the API server answers and namespaces get their service accounts."""
        self._pki.mkdir(parents=True)
        self._make_certificates()
        self._make_users()
        self._start_etcd()
        self._start_api_server()
        self.wait_for(lambda: self.get("/readyz") == "ok", "the API server", 120)
        self._start_controllers()
        self.wait_for(
            lambda: (
                self.kubectl("-n", "default", "get", "serviceaccount", "default", check=False).returncode == 0
            ),
            "the controller manager",
            60,
        )

    def stop(self) -> None:
        """Ends every process, the last started first."""
        for process in reversed(self._processes.values()):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kubectl(
        self, *arguments: str, input_text: str | None = None, check: bool = True, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [BINARIES / "kubectl", "--kubeconfig", self.kubeconfig("admin"), *arguments],
            input=input_text, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        if check and ran.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {ran.stderr.strip()[-3000:]}")
        return ran

    def objects(self, *arguments: str) -> Any:
        return json.loads(self.kubectl(*arguments, "--output", "json").stdout)

    def get(self, path: str) -> Any:
        """The answer to a GET of the API, as JSON where it is that."""
        with self._open(path, 10) as answer:
            text = answer.read().decode()
        return json.loads(text) if text.startswith("{") else text

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Events of a collection from now on, each in its order, after one ADDED for what is there."""
        found = self.get(path)
        yield from ({"type": "ADDED", "object": item} for item in found["items"])
        join = "&" if "?" in path else "?"
        version = found["metadata"]["resourceVersion"]
        with self._open(f"{path}{join}watch=true&resourceVersion={version}", 600) as lines:
            for line in lines:
                yield json.loads(line)

    def token_file(self, user: str) -> Path:
        return self._pki / f"{user}.token"

    def kubeconfig(self, user: str) -> Path:
        return self._pki / f"{user}.kubeconfig"

    def log_tail(self, name: str, lines: int = 5) -> str:
        return "\n".join((self.folder / f"{name}.log").read_text().splitlines()[-lines:])

    def run(self, name: str, *command: str | Path) -> None:
        """A process of the control plane's, at low priority, with a log of its own."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(["nice", "-n", "10", *command], stdout=log, stderr=log)

    def wait_for(self, ready: Any, what: str, limit_s: float) -> None:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise AssertionError(f"{name} ended: {self.log_tail(name)}")
            try:
                if ready():
                    return
            except (OSError, AssertionError):
                pass
            time.sleep(0.3)
        raise AssertionError(f"{what} was not ready in {limit_s} s")

    def _open(self, path: str, timeout_s: float) -> Any:
        token = self.token_file("admin").read_text()
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
        return urllib.request.urlopen(request, context=context, timeout=timeout_s)  # noqa: S310

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._pki, check=True, capture_output=True)

    def _make_certificates(self) -> None:
        """The API server's own, one for calls that it passes on to aggregated APIs, and a key for service accounts."""
        self._openssl("genrsa", "-out", "accounts.key", "2048")
        self._openssl("rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub")
        for authority in ("ca", "front-proxy"):
            self._openssl(
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3", "-subj", f"/CN={authority}",
                "-keyout", f"{authority}.key", "-out", f"{authority}.crt",
            )  # fmt: skip
        names = "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc"
        (self._pki / "names").write_text(names)
        for name, subject, authority in (
            ("api", "kube-apiserver", "ca"),
            ("proxy", "front-proxy-client", "front-proxy"),
        ):
            self._openssl(
                "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr",
            )  # fmt: skip
            self._openssl(
                "x509", "-req", "-days", "3", "-in", f"{name}.csr", "-CA", f"{authority}.crt",
                "-CAkey", f"{authority}.key", "-CAcreateserial", "-extfile", "names", "-out", f"{name}.crt",
            )  # fmt: skip

    def _make_users(self) -> None:
        lines = []
        for user, who in USERS.items():
            token = secrets.token_hex(16)
            self.token_file(user).write_text(token)
            lines.append(f"{token},{who}\n")
            cluster = {"server": self.address, "certificate-authority": str(self._pki / "ca.crt")}
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "clusters": [{"name": "here", "cluster": cluster}],
                "users": [{"name": user, "user": {"token": token}}],
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": user}}],
            }
            self.kubeconfig(user).write_text(json.dumps(config))
        (self._pki / "tokens.csv").write_text("".join(lines))

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in (self._etcd, self._etcd_peer))
        self.run(
            "etcd", BINARIES / "etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
            "--log-level=warn", f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        )  # fmt: skip

    def _start_api_server(self) -> None:
        pki = self._pki
        self.run(
            "kube-apiserver", BINARIES / "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            "--bind-address=127.0.0.1", f"--secure-port={self._api}", "--endpoint-reconciler-type=none",
            f"--tls-cert-file={pki}/api.crt", f"--tls-private-key-file={pki}/api.key",
            f"--client-ca-file={pki}/ca.crt", "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki}/accounts.pub",
            f"--service-account-signing-key-file={pki}/accounts.key",
            f"--token-auth-file={pki}/tokens.csv", "--authorization-mode=Node,RBAC", "--allow-privileged",
            f"--requestheader-client-ca-file={pki}/front-proxy.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki}/proxy.crt", f"--proxy-client-key-file={pki}/proxy.key",
            "--enable-priority-and-fairness=false", f"--cert-dir={self.folder}/certificates",
        )  # fmt: skip

    def _start_controllers(self) -> None:
        for name, port, more in (
            ("kube-controller-manager", self._manager, (
                f"--service-account-private-key-file={self._pki}/accounts.key",
                f"--root-ca-file={self._pki}/ca.crt", "--use-service-account-credentials",
                f"--horizontal-pod-autoscaler-sync-period={HPA_SYNC_S}s",
                # A fleet that was just made has pods without a history; they count from their first readiness on.
                "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
                "--horizontal-pod-autoscaler-cpu-initialization-period=5s",
                "--kube-api-qps=200", "--kube-api-burst=400",
            )),
            ("kube-scheduler", self._scheduler, ()),
        ):  # fmt: skip
            config = self.kubeconfig(name)
            self.run(
                name, BINARIES / name, f"--kubeconfig={config}", f"--authentication-kubeconfig={config}",
                f"--authorization-kubeconfig={config}", "--bind-address=127.0.0.1", f"--secure-port={port}",
                "--leader-elect=false", f"--cert-dir={self.folder}/certificates", *more,
            )  # fmt: skip
        if not self._simulated:
            return
        self.run(
            "kwok", BINARIES / "kwok", f"--kubeconfig={self.kubeconfig('kwok')}", "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake", "--cidr=10.244.0.0/16",
            "--node-ip=127.0.0.1", "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{self._kwok}", f"--config={BINARIES / 'kwok.yaml'}",
        )  # fmt: skip


def missing() -> list[str]:
    """Programs that have not been built (k8s/tests/binaries.sh builds them)."""
    lost = [name for name in PROGRAMS if not (BINARIES / name).exists()]
    return lost + [name for name in ("openssl", "nice") if not shutil.which(name)]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
