#!/bin/sh
# Installs TensorFlow for bench.decode into an environment of its own, build/tensorflow: about 1 GB, which nothing else of
# the project uses. Where it cannot be installed it says so and bench.decode leaves TensorFlow out.
set -eu
cd "$(dirname "$0")/.."

VERSION=2.21.0
TARGET=build/tensorflow

if [ -e "$TARGET/installed-$VERSION" ]; then exit 0; fi
.venv/bin/python -m venv --clear "$TARGET"
# The CPU build has no wheel for every machine.
for package in tensorflow-cpu tensorflow; do
    if "$TARGET/bin/python" -m pip install --quiet --disable-pip-version-check "$package==$VERSION"; then
        touch "$TARGET/installed-$VERSION"
        echo "tensorflow_setup: $package $VERSION in $TARGET"
        exit 0
    fi
done
echo "tensorflow_setup: TensorFlow $VERSION cannot be installed for this Python and machine, skipped" >&2
