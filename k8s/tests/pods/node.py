"""A node of the cluster: containerd with one bridge, and the kubelet. Inside of `namespaces.sh` alone."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from k8s.tests.control_plane import BINARIES, ControlPlane

# The bridge of namespaces.sh. Pods get addresses behind it.
ADDRESS = "10.245.0.1"
SUBNET = "10.245.0.0/24"
NAME = "node-0"
PROGRAMS = (
    "kubelet",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "bridge",
    "loopback",
    "host-local",
    "pause",
)
PAUSE = "localhost/pause:test"


class Node:
    """Started by `start`; its processes are the control plane's to end."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._folder = plane.folder / "node"
        self._socket = self._folder / "containerd.sock"

    def start(self, images: list[Path]) -> None:
        """Returns when the node is ready and has the images of these OCI archives."""
        self._folder.mkdir()
        self._start_containerd()
        self._plane.wait_for(lambda: self.ctr("version") != "", "containerd", 30)
        for archive in images:
            self.ctr("--namespace", "k8s.io", "images", "import", "--local=false", str(archive))
        self._start_kubelet()
        self._plane.wait_for(
            lambda: self._plane.kubectl("wait", "--for=condition=Ready", f"node/{NAME}", "--timeout=1s"),
            "the node",
            60,
        )

    def ctr(self, *arguments: str) -> str:
        """What containerd's own client says; raises OSError while containerd does not answer."""
        ran = subprocess.run(
            [BINARIES / "ctr", "--address", self._socket, *arguments],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise OSError(f"ctr {' '.join(arguments)}: {ran.stderr.strip()}")
        return ran.stdout

    def _start_containerd(self) -> None:
        network = {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": True,
                    "ipMasq": False,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": str(self._folder / "addresses"),
                        "ranges": [[{"subnet": SUBNET, "rangeStart": "10.245.0.10"}]],
                    },
                }
            ],
        }
        (self._folder / "network").mkdir()
        (self._folder / "network" / "pods.conflist").write_text(json.dumps(network))
        config = self._folder / "containerd.toml"
        config.write_text(
            CONTAINERD.format(
                folder=self._folder,
                socket=self._socket,
                pause=PAUSE,
                plugins=BINARIES,
                runc=shutil.which("runc"),
            )
        )
        # containerd looks for its shim on the PATH.
        self._plane.run(
            "containerd",
            "env",
            f"PATH={BINARIES}:/usr/sbin:/usr/bin:/sbin:/bin",
            BINARIES / "containerd",
            "--config",
            config,
        )

    def _start_kubelet(self) -> None:
        config = self._folder / "kubelet.json"
        config.write_text(
            json.dumps(
                {
                    "apiVersion": "kubelet.config.k8s.io/v1beta1",
                    "kind": "KubeletConfiguration",
                    "address": ADDRESS,
                    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
                    "authorization": {"mode": "AlwaysAllow"},
                    "cgroupDriver": "cgroupfs",
                    "containerRuntimeEndpoint": f"unix://{self._socket}",
                    "enforceNodeAllocatable": [],
                    "failCgroupV1": False,
                    "failSwapOn": False,
                    # The machine's disk and memory are others' too: no pod is to go because of them.
                    "evictionHard": {
                        "memory.available": "1Mi",
                        "nodefs.available": "0%",
                        "imagefs.available": "0%",
                    },
                    "imageGCHighThresholdPercent": 100,
                    "makeIPTablesUtilChains": False,
                    "resolvConf": "",
                    "clusterDNS": ["10.96.0.10"],
                    "clusterDomain": "cluster.local",
                    "nodeStatusUpdateFrequency": "4s",
                    "volumePluginDir": str(self._folder / "plugins"),
                    "podLogsDir": str(self._folder / "logs"),
                }
            )
        )
        self._plane.run(
            "kubelet", BINARIES / "kubelet", f"--config={config}",
            f"--kubeconfig={self._plane.kubeconfig('kubelet')}", f"--root-dir={self._folder / 'kubelet'}",
            f"--cert-dir={self._folder / 'certificates'}", f"--hostname-override={NAME}", f"--node-ip={ADDRESS}",
            "--node-labels=topology.kubernetes.io/zone=zone-a", "-v=2",
        )  # fmt: skip


CONTAINERD = """
version = 3
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = [
    "io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
    "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.erofs",
    "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
address = "{socket}"
[ttrpc]
address = "{socket}.ttrpc"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
disable_apparmor = true
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{plugins}"]
conf_dir = "{folder}/network"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"""
