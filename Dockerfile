# Three stages: the Rust toolchain, the build, and an image that holds Python, torch (CPU) and penstock, no compiler.
#
#   make image                     with the CPU build of torch found as the Makefile finds it
#   docker build --build-arg TORCH_INDEX=<address of a package index that holds the CPU build> --tag penstock .
#   docker run --read-only --tmpfs /tmp -v "$PWD/models:/models:ro" -p 8000:8000 -p 8001:8001 -p 8002:8002 penstock

FROM rust:1.95-slim-bookworm AS rust

FROM python:3.11-slim-bookworm AS build

RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev binutils \
    && rm -rf /var/lib/apt/lists/*

# The local version +cpu exists for the CPU build alone, so no index can answer with the CUDA one; where the
# default build is a CPU build (arm64), --build-arg TORCH=torch==2.13.0.
ARG TORCH=torch==2.13.0+cpu
ARG TORCH_INDEX=
ARG PIP_FIND_LINKS=
# Out goes what is for building against torch and for testing it; torch_shm_manager is looked for at import.
RUN python3 -m venv /opt/penstock \
    && /opt/penstock/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$TORCH" \
    && cd /opt/penstock/lib/python3.11/site-packages/torch \
    && find bin -mindepth 1 ! -name torch_shm_manager -delete \
    && rm -rf include share lib/*_test.so \
    && strip --strip-unneeded lib/libtorch_cpu.so lib/libtorch_python.so

COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo /usr/local/cargo
ENV RUSTUP_HOME=/usr/local/rustup \
    CARGO_HOME=/usr/local/cargo \
    PATH=/usr/local/cargo/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin

WORKDIR /src
RUN python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir "maturin>=1.9,<2"
COPY . .
RUN /opt/build/bin/maturin build --release --locked --strip --interpreter /opt/penstock/bin/python3 --out /wheel
# The tests that packages bring are 140 MB that nobody runs there.
RUN /opt/penstock/bin/pip install --no-cache-dir /wheel/*.whl \
    && /opt/penstock/bin/pip uninstall --yes pip \
    && find /opt/penstock/lib/python3.11/site-packages -type d \( -name tests -o -path '*/torch/test' \) -prune -exec rm -rf {} +

FROM python:3.11-slim-bookworm

COPY --from=build /opt/penstock /opt/penstock

# Nothing is written at run time: no byte code, no caches. A container's network is its own, so the server listens on
# every address of it; these are variables so that a flag or a settings file can say otherwise.
ENV PATH=/opt/penstock/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    PENSTOCK_REPOSITORY=/models \
    PENSTOCK_HOST=0.0.0.0 \
    PENSTOCK_METRICS_HOST=0.0.0.0

USER 65532:65532
EXPOSE 8000 8001 8002
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["penstock", "health"]
ENTRYPOINT ["penstock", "serve"]
