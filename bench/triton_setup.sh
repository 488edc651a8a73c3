#!/bin/sh
# Installs Triton Inference Server into build/triton: the tritonserver binary with its gRPC front end and the Python
# backend, as the wheel of nvidia-pytriton carries them. The door benchmarks then measure it too (bench/triton_server.py).
# About 250 MB. The model's torch and numpy are those of the project's own environment, whose Python must be one of
# those that the wheel has a stub for.
set -eu
cd "$(dirname "$0")/.."

VERSION=0.5.14
PYTHON=.venv/bin/python
TARGET=build/triton

"$PYTHON" -m pip install --quiet --no-deps --upgrade --target "$TARGET" "nvidia-pytriton==$VERSION"

server=$TARGET/pytriton/tritonserver
python=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
stub=$server/python_backend_stubs/$python/triton_python_backend_stub
if [ ! -f "$stub" ]; then
    echo "triton_setup: nvidia-pytriton $VERSION has no stub for Python $python" >&2
    exit 1
fi
# The backend starts the stub that lies beside it.
cp "$stub" "$server/backends/python/"
chmod +x "$server/bin/tritonserver" "$server/backends/python/triton_python_backend_stub"
echo "triton_setup: $server"
