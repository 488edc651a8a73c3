#!/bin/sh
# Builds a Kubernetes control plane and kwok into a folder: minutes and 4 GB of Go's build cache the first time, nothing after that.
# usage: k8s/tests/binaries.sh FOLDER
#
# One program is the API server, the controller manager, the scheduler and kubectl, chosen by the name that it is called by (modules/kube):
# one link instead of four. Versions are pinned by modules/*/go.mod and below.
set -eu

folder=${1:?usage: k8s/tests/binaries.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
KWOK=v0.8.0
command -v go >/dev/null 2>&1 || {
    echo "binaries: Go is not installed; the tests that need a control plane will skip" >&2
    exit 0
}
mkdir -p "$folder"
GOBIN=$(cd "$folder" && pwd)
export GOBIN CGO_ENABLED=0

# Others may work on this machine.
build() { # name, module, package
    stamp=$GOBIN/.$1-$(cat "$here/modules/$2/go.mod" "$here/modules/$2"/*.go | cksum | tr ' ' -)
    [ -x "$GOBIN/$1" ] && [ -e "$stamp" ] && return 0
    echo "binaries: building $1" >&2
    (cd "$here/modules/$2" && nice go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" -o "$GOBIN/$1" "$3")
    rm -f "$GOBIN/.$1-"*
    : >"$stamp"
}

build kube kube .
build etcd etcd go.etcd.io/etcd/server/v3
for name in kube-apiserver kube-controller-manager kube-scheduler kubectl; do ln -sf kube "$GOBIN/$name"; done
if [ ! -e "$GOBIN/.kwok-$KWOK" ]; then
    nice go install -buildvcs=false -trimpath "sigs.k8s.io/kwok/cmd/kwok@$KWOK"
    : >"$GOBIN/.kwok-$KWOK"
fi
# kwok's own life of a node; that of pods is ours (pod_stages.yaml).
module=$(cd "${TMPDIR:-/tmp}" && go mod download -json "sigs.k8s.io/kwok@$KWOK" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
{
    for stage in "$module"/kustomize/stage/node/fast/*.yaml "$module"/kustomize/stage/node/heartbeat-with-lease/*.yaml; do
        case $stage in */kustomization.yaml) continue ;; esac
        cat "$stage"
        echo ---
    done
    cat "$here/pod_stages.yaml"
} >"$GOBIN/kwok.yaml"
