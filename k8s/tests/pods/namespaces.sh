#!/bin/bash
# Runs a command in network, mount, process, cgroup and host name spaces of its own: what it starts, mounts or makes of interfaces ends with it.
# usage: k8s/tests/pods/namespaces.sh COMMAND...     needs root and cgroup v1; the command finds PENSTOCK_PODS=1, or why that could not be.
set -euo pipefail

controllers=(cpu cpuacct cpuset memory devices freezer blkio pids systemd)

refused() {
    PENSTOCK_PODS="$1" exec "${@:2}"
}

[ "$(id -u)" = 0 ] || refused "pods need root, for namespaces and cgroups" "$@"
for program in unshare setpriv ip runc buildah debootstrap; do
    command -v "$program" >/dev/null || refused "pods need $program (Debian: util-linux iproute2 runc buildah debootstrap)" "$@"
done
for controller in "${controllers[@]}"; do
    [ -w "/sys/fs/cgroup/$controller/cgroup.procs" ] ||
        refused "pods need the controllers of cgroup v1 below /sys/fs/cgroup, $controller cannot be written" "$@"
done
unshare --net --mount --pid --fork --mount-proc --cgroup --uts true 2>/dev/null || refused "namespaces are refused to pods" "$@"

# A group of each controller below our own, so that whatever limits us holds for the pods too.
groups=()
for controller in "${controllers[@]}"; do
    own=$(awk -F: -v c="$controller" '{n = split($2, names, ","); for (i = 1; i <= n; i++) if (names[i] == c || names[i] == "name=" c) print $3}' /proc/self/cgroup)
    group=/sys/fs/cgroup/$controller${own%/}/penstock-pods.$$
    mkdir "$group"
    groups+=("$group")
    if [ "$controller" = cpuset ]; then
        cat "${group%/*}/cpuset.cpus" >"$group/cpuset.cpus"
        cat "${group%/*}/cpuset.mems" >"$group/cpuset.mems"
    fi
done

# For what is inside to write to, and removed when no mount is left in it; and for what the kubelet is to see in place of the whole machine's values.
build=$(cd "$(dirname "$0")/../../.." && pwd)/build/k8s
mkdir -p "$build"
folder=$(mktemp -d "$build/pods.XXXXXX")
mkdir "$folder/shown"
inside=

leave() {
    # With it everything in its process space ends.
    if [ -n "$inside" ]; then kill -KILL "$inside" 2>/dev/null || true; fi
    for group in "${groups[@]}"; do
        echo $$ >"${group%/*}/cgroup.procs" || true
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [ -d "$group" ] || break
            sleep 0.2
        done
    done
}
# Mounts go with the last process.
remove() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf "$folder" 2>/dev/null && return
        sleep 0.5
    done
    echo "pods: $folder could not be removed" >&2
}
trap 'leave; remove' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for group in "${groups[@]}"; do echo $$ >"$group/cgroup.procs"; done
# The whole of it would weigh as much as one process outside.
echo 10240 >"${groups[0]}/cpu.shares"

# What a shell starts in the background ignores SIGINT, by which the load generator is asked for its report.
export PENSTOCK_PODS=1 PENSTOCK_PODS_CONTROLLERS="${controllers[*]}" PENSTOCK_PODS_FOLDER="$folder"
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc --cgroup --uts env --default-signal=INT bash -ec '
mount --make-rprivate /
for controller in $PENSTOCK_PODS_CONTROLLERS; do
    umount "/sys/fs/cgroup/$controller"
    case $controller in
    systemd) mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd ;;
    *) mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" ;;
    esac
done
# The kubelet sets values of the whole machine: it is shown files of its own that have them, and the true ones cannot be written.
shown=$PENSTOCK_PODS_FOLDER/shown
mount -t tmpfs shown "$shown"
for folder in vm kernel; do
    mount --bind "/proc/sys/$folder" "/proc/sys/$folder"
    mount -o remount,bind,ro "/proc/sys/$folder"
done
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=$shown/$(echo "${setting%=*}" | tr / _)
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${setting%=*}"
done
ip link set lo up
ip link add cni0 type bridge
ip addr add 10.245.0.1/24 dev cni0
ip link set cni0 up
ip route add default dev cni0
"$@"' -- "$@" &
inside=$!
wait "$inside"
