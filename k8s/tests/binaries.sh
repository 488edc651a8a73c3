#!/bin/sh
# Builds Kubernetes, kwok and a container runtime into a folder: minutes and 4 GB of Go's build cache the first time, nothing after that.
# usage: k8s/tests/binaries.sh FOLDER [karpenter]     the latter builds Karpenter's core with its simulated provider too
#
# One program is the API server, the controller manager, the scheduler, the kubelet and kubectl, chosen by the name that it is called by
# (modules/kube): one link instead of five. The runtime is containerd with the CNI plugins that one node needs, and a pause program for its pods;
# runc, which wants cgo and libseccomp, is the distribution's. Versions are pinned by modules/*/go.mod and below.
set -eu

folder=${1:?usage: k8s/tests/binaries.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
KWOK=v0.8.0
KARPENTER=v1.14.1
command -v go >/dev/null 2>&1 || {
    echo "binaries: Go is not installed; the tests that need a control plane will skip" >&2
    exit 0
}
mkdir -p "$folder"
GOBIN=$(cd "$folder" && pwd)
export GOBIN CGO_ENABLED=0

# Others may work on this machine.
build() { # name, module, package, build tags
    stamp=$GOBIN/.$1-$(find "$here/modules/$2" -name go.mod -o -name '*.go' | sort | xargs cat | cksum | tr ' ' -)
    [ -x "$GOBIN/$1" ] && [ -e "$stamp" ] && return 0
    echo "binaries: building $1" >&2
    (cd "$here/modules/$2" && nice go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" ${4:+-tags "$4"} -o "$GOBIN/$1" "$3")
    rm -f "$GOBIN/.$1-"*
    : >"$stamp"
}

build kube kube .
build etcd etcd go.etcd.io/etcd/server/v3
for name in kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do ln -sf kube "$GOBIN/$name"; done

containerd=github.com/containerd/containerd/v2/cmd
for name in containerd containerd-shim-runc-v2 ctr; do
    # Ways to keep images that nothing here uses.
    build $name runtime $containerd/$name no_btrfs,no_devmapper,no_zfs
done
plugins=github.com/containernetworking/plugins/plugins
build bridge runtime $plugins/main/bridge
build loopback runtime $plugins/main/loopback
build host-local runtime $plugins/ipam/host-local
build pause runtime ./pause

if [ ! -e "$GOBIN/.kwok-$KWOK" ]; then
    nice go install -buildvcs=false -trimpath "sigs.k8s.io/kwok/cmd/kwok@$KWOK"
    : >"$GOBIN/.kwok-$KWOK"
fi
# kwok's own life of a node; that of pods is ours (pod_stages.yaml).
source_of() { # module@version
    cd "${TMPDIR:-/tmp}" && go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}
module=$(source_of "sigs.k8s.io/kwok@$KWOK")
{
    for stage in "$module"/kustomize/stage/node/fast/*.yaml "$module"/kustomize/stage/node/heartbeat-with-lease/*.yaml; do
        case $stage in */kustomization.yaml) continue ;; esac
        cat "$stage"
        echo ---
    done
    cat "$here/pod_stages.yaml"
} >"$GOBIN/kwok.yaml"

if [ "${2:-}" = karpenter ] && [ ! -e "$GOBIN/.karpenter-$KARPENTER" ]; then
    echo "binaries: building karpenter" >&2
    # Its program is named kwok, as kwok's own.
    GOBIN=$GOBIN/karpenter nice go install -buildvcs=false -trimpath "sigs.k8s.io/karpenter/kwok@$KARPENTER"
    mv "$GOBIN/karpenter/kwok" "$GOBIN/karpenter-kwok"
    module=$(source_of "sigs.k8s.io/karpenter@$KARPENTER")
    rm -rf "$GOBIN/karpenter"
    mkdir -p "$GOBIN/karpenter/crds"
    install -m 644 "$module"/kwok/charts/crds/*.yaml "$module"/kwok/apis/crds/*.yaml "$GOBIN/karpenter/crds"
    install -m 644 "$module/kwok/examples/aws_instance_types.json" "$GOBIN/karpenter"
    : >"$GOBIN/.karpenter-$KARPENTER"
fi
