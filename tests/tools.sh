#!/bin/sh
# Installs the tools that some tests drive (grpcurl, ghz, buf, the Go stub generators, h2spec, gRPC's interop client,
# kustomize, kubeconform) into a folder.
# usage: tests/tools.sh FOLDER
#
# Versions are pinned. A tool that cannot be had (no Go, no network) is named in one line and its tests
# skip; that is never an error here.
set -u

folder=${1:?usage: tests/tools.sh FOLDER}
if ! command -v go >/dev/null 2>&1; then
    echo "tools: Go is not installed; the tests that need one of the tools below will skip" >&2
    exit 0
fi

mkdir -p "$folder"
GOBIN=$(cd "$folder" && pwd)
export GOBIN

# The third word is the program's name here, where Go's own says too little.
while read -r package version called; do
    name=$(basename "$package")
    case $name in v[0-9]*) name=$(basename "$(dirname "$package")") ;; esac
    built=$GOBIN/$name
    name=${called:-$name}
    stamp=$GOBIN/.$name-$version
    [ -x "$GOBIN/$name" ] && [ -e "$stamp" ] && continue
    if log=$(go install "$package@$version" 2>&1); then
        [ "$built" = "$GOBIN/$name" ] || mv "$built" "$GOBIN/$name"
        rm -f "$GOBIN/.$name-"*
        : >"$stamp"
        echo "tools: $name $version"
    else
        echo "tools: $name $version could not be installed, its tests will skip: $(echo "$log" | tail -n 1)" >&2
    fi
done <<END
github.com/fullstorydev/grpcurl/cmd/grpcurl v1.9.4
github.com/bojand/ghz/cmd/ghz v0.93.0
github.com/bufbuild/buf/cmd/buf v1.75.0
google.golang.org/protobuf/cmd/protoc-gen-go v1.36.12
google.golang.org/grpc/cmd/protoc-gen-go-grpc v1.6.2
github.com/summerwind/h2spec/cmd/h2spec v2.2.1+incompatible
google.golang.org/grpc/interop/client v1.85.0 grpc-interop-client
sigs.k8s.io/kustomize/kustomize/v5 v5.8.1
github.com/yannh/kubeconform/cmd/kubeconform v0.7.0
END
