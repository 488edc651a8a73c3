#!/bin/bash
# Builds the image by the repository's Dockerfile, and images of models beside it, into a folder of OCI archives; without an engine or a registry.
# usage: k8s/tests/pods/image.sh FOLDER PAUSE MODELS...      needs root; the first time takes minutes, after that what has changed
#
# PAUSE is the pause program, each of MODELS a folder that becomes the image localhost/models:<its name>. Public base images are not asked for:
# what stands in for them is made of Debian's own packages and this machine's Rust, in the form that those images have.
set -euo pipefail

# Mounts of its own, which end with it.
[ -n "${PENSTOCK_IMAGE_MOUNTS:-}" ] || PENSTOCK_IMAGE_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"

folder=$(mkdir -p "$1" && cd "$1" && pwd)
pause=$2
shift 2
root=$(cd "$(dirname "$0")/../../.." && pwd)
export BUILDAH_ISOLATION=chroot
python=docker.io/library/python:3.11-slim-bookworm
rust=docker.io/library/rust:1.95-slim-bookworm

state=$(mktemp -d)
mount -t tmpfs state "$state"
trap 'umount "$state"; rmdir "$state"' EXIT
buildah() { command buildah --root "$folder/storage" --runroot "$state" --storage-driver overlay "$@"; }
there() { buildah inspect --type image "$1" >/dev/null 2>&1; }

make_python() {
    local rootfs=$folder/rootfs container name
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv bookworm "$rootfs"
    # The public image's Python lies in /usr/local and takes packages.
    rm -f "$rootfs"/usr/lib/python3.11/EXTERNALLY-MANAGED
    for name in python python3 python3.11; do ln -sfn /usr/bin/python3.11 "$rootfs/usr/local/bin/$name"; done
    for name in pip pip3; do ln -sfn /usr/bin/pip3 "$rootfs/usr/local/bin/$name"; done
    rm -rf "$rootfs"/var/cache/apt/archives/*.deb "$rootfs"/var/lib/apt/lists/* "$rootfs"/usr/share/{doc,man,locale}/*
    : >"$rootfs/etc/resolv.conf"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$rootfs" /
    buildah config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin --env LANG=C.UTF-8 --cmd python3 "$container"
    buildah commit --quiet --rm "$container" "$python"
    rm -rf "$rootfs"
}

# As rustup lays itself out in the public image.
make_rust() {
    local sysroot container mounted toolchain
    sysroot=$(rustc --print sysroot)
    container=$(buildah from --pull-never "$python")
    mounted=$(buildah mount "$container")
    toolchain=$mounted/usr/local/rustup/toolchains/here
    mkdir -p "$toolchain/lib/rustlib" "$mounted/usr/local/cargo/bin"
    cp -a "$sysroot/bin" "$toolchain/"
    cp -a "$sysroot"/lib/*.so* "$toolchain/lib/"
    cp -a "$sysroot"/lib/rustlib/*-linux-gnu "$toolchain/lib/rustlib/"
    cp -a "$(dirname "$(command -v cargo)")"/. "$mounted/usr/local/cargo/bin/"
    printf 'default_toolchain = "here"\nprofile = "minimal"\nversion = "12"\n\n[overrides]\n' >"$mounted/usr/local/rustup/settings.toml"
    buildah umount "$container" >/dev/null
    buildah commit --quiet --rm "$container" "$rust"
}

there "$python" || make_python
there "$rust" || make_rust

# How this machine reaches package registries; nothing of it stays in the image.
mounts=()
for file in /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
    [ ! -e "$file" ] || mounts+=(--volume "$file:$file:ro")
done
wheels=$root/../shared/wheels
if [ -d "$wheels" ]; then mounts+=(--volume "$(cd "$wheels" && pwd -P):/wheels:ro" --build-arg PIP_FIND_LINKS=/wheels); fi
[ -z "${TORCH_INDEX:-}" ] || mounts+=(--build-arg "TORCH_INDEX=$TORCH_INDEX")
buildah bud --layers --pull-never "${mounts[@]}" --tag localhost/penstock:test "$root"

from_scratch() { # name, what goes to /, config...
    local name=$1 content=$2 container
    shift 2
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$content" /
    buildah config "$@" "$container"
    buildah commit --quiet --rm "$container" "$name"
}

from_scratch localhost/pause:test "$pause" --entrypoint '["/pause"]' --user 65532:65532
names=(penstock pause)
for models in "$@"; do
    from_scratch "localhost/models:$(basename "$models")" "$models" --label models="$(basename "$models")"
done

# An archive is written anew only where its image is another one.
export_image() { # image, file
    local id
    id=$(buildah inspect --type image --format '{{.FromImageID}}' "$1")
    [ "$(cat "$2.id" 2>/dev/null)" = "$id" ] && return 0
    rm -f "$2"
    buildah push --quiet "$1" "oci-archive:$2:$1"
    echo "$id" >"$2.id"
}
for name in "${names[@]}"; do export_image "localhost/$name:test" "$folder/$name.tar"; done
for models in "$@"; do export_image "localhost/models:$(basename "$models")" "$folder/models-$(basename "$models").tar"; done
