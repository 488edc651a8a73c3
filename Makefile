# The one door for commands: people and continuous integration use the same targets.
#
# Set-up is five steps (the virtual environment, torch, the packages, the Rust code, the extension) and the example models;
# each leaves a stamp and runs again only when what it is made from has changed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
GO_BIN := $(CURDIR)/build/bin

# The first Python that is new enough; 3.11 before the others, because prebuilt torch wheels are for it.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)

# The torch to install. `make setup TORCH_INDEX=<address>` takes it from a package index that holds the CPU build;
# PIP_FIND_LINKS=<folder> from a folder of wheels; ../shared/wheels is used by itself where it exists.
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
WHEELS := $(wildcard ../shared/wheels)
ifneq ($(TORCH_INDEX),)
TORCH_FROM := --index-url $(TORCH_INDEX)
else ifneq ($(WHEELS),)
TORCH_FROM := --find-links $(WHEELS)
endif

REPO ?= models
IMAGE ?= penstock
ENGINE ?= $(firstword $(foreach engine,docker podman buildah,$(shell command -v $(engine))))

RUST_SOURCES := Cargo.toml $(wildcard Cargo.lock) fastpath/Cargo.toml $(shell find fastpath/src -name '*.rs')
FEATURE_SOURCES := $(shell find fastpath/src/spec fastpath/src/features -name '*.rs' 2>/dev/null)
EXAMPLE_SOURCES := $(shell find examples -type f ! -name '*.pyc')

# Models that were deleted are trained again, whatever the stamp says.
ifeq ($(wildcard models/*/model.toml),)
MODELS_GONE := FORCE
endif

export PATH := $(CURDIR)/$(BIN):$(GO_BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The interpreter that the extension is checked and linked against.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

pip := $(BIN)/python -m pip --quiet

##@ Use

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMPS)/models ## the virtual environment, the extension in release mode, the example models

.PHONY: demo
demo: setup ## score held-out rows of three models over gRPC, beside the truth
	@$(BIN)/python -m examples.demo

.PHONY: serve
serve: setup ## serve models/ (REPO=folder for another) until Ctrl-C
	@exec $(BIN)/penstock serve $(REPO)

##@ Check

.PHONY: test
test: setup tools checks ## everything that must hold: the checks, Rust tests, Python tests
	cargo test --workspace --quiet
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile
	$(BIN)/python -c 'from bench import native; native.program("floor")'
	$(BIN)/python -m pytest bench --benchmark-skip --quiet

.PHONY: explore
explore: setup ## property tests with a seed of the moment, to find what `make test` does not
	seed=$$(date +%s); for test in tests/property tests/operations tests/sklearn_import tests/life_cycle; do \
		$(BIN)/python -m pytest $$test --hypothesis-seed=$$seed || exit 1; done

.PHONY: lint
lint: $(STAMPS)/extension tools checks ## every static check; cargo-deny where it is installed
	$(BIN)/python proto/generate.py --check
	cargo fmt --all --check
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml penstock._fastpath
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --all-features check; \
		else echo "lint: cargo-deny is not installed, skipped (cargo install cargo-deny)"; fi
	@if command -v buf >/dev/null 2>&1; then cd proto && buf lint; \
		else echo "lint: buf is not installed, skipped (tests/tools.sh installs it where Go is)"; fi

.PHONY: checks
checks: $(STAMPS)/packages
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if cargo clippy --version >/dev/null 2>&1; then set -ex; \
		cargo clippy --workspace --all-targets --quiet -- --deny warnings; \
		cargo clippy --workspace --features python --quiet -- --deny warnings; \
		else echo "checks: clippy is not installed, skipped (rustup component add clippy)"; fi

# torch is not among them: TensorFlow's and torch's packages need not fit each other.
PARITY := build/parity
.PHONY: parity
parity: $(STAMPS)/extension ## compare operations live with TensorFlow, scikit-learn and xxhash, in an environment under build/
	@test -x $(PARITY)/bin/python || $(PYTHON) -m venv $(PARITY)
	@$(PARITY)/bin/python -m pip install --quiet tensorflow-cpu scikit-learn xxhash mmh3 hypothesis pytest \
		pytest-asyncio pytest-timeout 'protobuf>=6.31' 'grpcio>=1.80'
	PYTHONPATH=service $(PARITY)/bin/python -m pytest tests/parity

# penstock is not among them: the server runs in .venv, the client in its own environment.
KSERVE := build/kserve
.PHONY: kserve
kserve: $(STAMPS)/extension ## KServe's own client against the server, in an environment under build/
	@test -x $(KSERVE)/bin/python || $(PYTHON) -m venv $(KSERVE)
	@if $(KSERVE)/bin/python -m pip install --quiet kserve; then \
		$(BIN)/python -m pytest tests/kserve; \
		else rm -rf $(KSERVE); echo "kserve: its client could not be installed, skipped"; fi

.PHONY: tools
tools: go-tools $(STAMPS)/packages ## grpcurl and what else in Go the tests drive, into build/bin; without Go those tests skip
	@$(BIN)/python k8s/tests/schemas.py build/k8s/schemas

.PHONY: go-tools
go-tools:
	@tests/tools.sh $(GO_BIN)

# What is built is built first, so that no build takes the time of what is measured. The parts run side by side, the longest first: all of them mostly
# wait, and what has no calls to answer yields where two want a core.
K8S_JOBS ?= 2
.PHONY: k8s-test
k8s-test: k8s-binaries k8s-images ## k8s/ before a real Kubernetes, built into build/k8s the first time; real pods where root is
	@$(MAKE) --no-print-directory --keep-going --jobs $(K8S_JOBS) --output-sync=target K8S_BUILT=yes \
		k8s-pods k8s-simulations k8s-servers k8s-scaling

# Set where what these parts need has just been built.
K8S_BUILT ?=

.PHONY: k8s-simulations
k8s-simulations: $(if $(K8S_BUILT),,k8s-binaries) ## the part of k8s-test with simulated nodes, but for scaling
	nice -n 19 $(BIN)/python -m pytest k8s/tests --ignore k8s/tests/pods --ignore k8s/tests/nightly \
		--ignore k8s/tests/test_leaving.py --ignore k8s/tests/test_scaling.py

.PHONY: k8s-scaling
k8s-scaling: $(if $(K8S_BUILT),,k8s-binaries) ## the part of k8s-test in which the autoscaler takes simulated pods to 200 and back
	nice -n 19 $(BIN)/python -m pytest k8s/tests/test_scaling.py

.PHONY: k8s-servers
k8s-servers: $(if $(K8S_BUILT),,$(STAMPS)/extension) ## the part of k8s-test with processes of the server alone
	nice -n 5 $(BIN)/python -m pytest k8s/tests/test_leaving.py

.PHONY: k8s-pods
k8s-pods: $(if $(K8S_BUILT),,k8s-images) ## the part of k8s-test with the image and real pods
	k8s/tests/pods/namespaces.sh $(BIN)/python -m pytest k8s/tests/pods

.PHONY: k8s-nightly
k8s-nightly: $(STAMPS)/extension tools ## Karpenter's core before k8s/, on simulated nodes: headroom and consolidation
	k8s/tests/binaries.sh build/k8s/bin karpenter
	$(BIN)/python -m pytest k8s/tests/nightly

.PHONY: k8s-binaries
k8s-binaries: $(STAMPS)/extension tools
	k8s/tests/binaries.sh build/k8s/bin

.PHONY: k8s-images
k8s-images: k8s-binaries
	TORCH_INDEX=$(TORCH_INDEX) k8s/tests/pods/prepare.sh $(CURDIR)/$(BIN)/python build/k8s/bin

.PHONY: bench
bench: setup ## measure, in 10 to 15 minutes: the suites, and the doors beside other servers for README
	@bench/triton_setup.sh || echo "bench: Triton cannot be installed for this Python and machine, left out"
	$(BIN)/python -m bench.suites
	$(BIN)/python -m bench.doors --rounds 5 --seconds 1.5 --servers floor,fast,plain,triton --output bench/results

.PHONY: bench-more
bench-more: setup ## measure the rest: TensorFlow, all doors, clients, REST, training rows, loading and reloads
	bench/tensorflow_setup.sh
	$(BIN)/python -m bench.decode
	$(BIN)/python -m bench.doors --output build/bench
	$(BIN)/python -m bench.client
	$(BIN)/python -m bench.rest
	$(BIN)/python -m bench.transform
	$(BIN)/python -m bench.loading
	$(BIN)/python -m bench.reloads

# Other servers, in environments of their own under build/peers, which are installed once.
.PHONY: bench-peers
bench-peers: setup ## penstock beside Triton, TorchServe, KServe, MLServer, LitServe, Ray Serve and others
	$(BIN)/python -m bench.peers $(BENCH_FLAGS)

##@ Change

.PHONY: format
format: $(STAMPS)/packages ## write the house format
	$(BIN)/ruff check --select I --fix --quiet .
	$(BIN)/ruff format --quiet .
	cargo fmt --all

.PHONY: proto
proto: $(STAMPS)/packages ## generate service/penstock/pb from proto/
	$(BIN)/python proto/generate.py

.PHONY: schema
schema: ## write the JSON schema of model.toml, after a change in fastpath/src/spec/text.rs
	cargo test --package fastpath --lib --quiet -- --ignored --exact spec::schema::write

.PHONY: k8s-golden
k8s-golden: $(STAMPS)/extension tools ## write what each overlay of k8s/ differs in from the base, for review of a change in k8s/
	$(BIN)/python -m tests.structure.golden

##@ Ship

.PHONY: image
image: ## build the container image (IMAGE=name, TORCH_INDEX=address, ENGINE=docker, podman or buildah)
	@[ -n "$(ENGINE)" ] || { echo "image: none of docker, podman and buildah is installed" >&2; exit 1; }
	$(ENGINE) build --tag $(IMAGE) --build-arg TORCH_INDEX=$(TORCH_INDEX) $(IMAGE_FLAGS) .

# podman and buildah keep the health check in docker's format alone. docker build mounts no folders, so there the
# CPU build of torch comes from TORCH_INDEX.
ifeq ($(filter docker,$(notdir $(ENGINE))),)
IMAGE_FLAGS := --format docker
ifneq ($(WHEELS),)
IMAGE_FLAGS += --volume $(abspath $(WHEELS)):/wheels:ro --build-arg PIP_FIND_LINKS=/wheels
endif
endif

.PHONY: wheel-arm64
wheel-arm64: $(STAMPS)/packages ## the wheel for Linux on arm64 (Graviton) into dist/, cross-compiled by zig
	rustup target add aarch64-unknown-linux-gnu
	@$(pip) install ziglang==0.17.1
	$(BIN)/maturin build --release --locked --strip --zig --target aarch64-unknown-linux-gnu --interpreter python3.11 --out dist

.PHONY: clean
clean: ## remove everything that these targets made
	rm -rf $(VENV) build dist models target .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f service/penstock/*.so

# ---------------------------------------------------------------------------------------------- set-up, step by step

.PHONY: FORCE
FORCE:

.PHONY: needs
needs:
	@[ -n "$(PYTHON)" ] || { echo "setup: Python 3.11 or newer is missing (PYTHON=path names one)" >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "setup: cargo is missing; install Rust 1.95 or newer" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "setup: a C compiler (cc) is missing; install gcc or clang" >&2; exit 1; }

$(STAMPS)/python: | needs
	@echo "setup: virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "setup: $(PYTHON) has no venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	@$(pip) install 'pip>=25.1'
	@$(pip) install --group build
	@mkdir -p $(STAMPS) && touch $@

# A wheel folder is asked first and alone, so that the index can never answer with another build.
$(STAMPS)/torch: $(STAMPS)/python
	@echo "setup: $(TORCH) $(if $(TORCH_FROM),($(TORCH_FROM)),from the default index; README says how to choose the CPU build)"
	@$(if $(filter --find-links,$(TORCH_FROM)),$(pip) install --no-index --no-deps $(TORCH_FROM) '$(TORCH)')
	@$(pip) install $(TORCH_FROM) '$(TORCH)'
	@touch $@

$(STAMPS)/packages: pyproject.toml $(STAMPS)/torch
	@echo "setup: packages"
	@$(pip) install --group dev
	@touch $@

# Needs none of the packages: `make --jobs 3` compiles while they are downloaded.
$(STAMPS)/compiled: $(RUST_SOURCES) $(STAMPS)/python
	@echo "setup: the extension's Rust, in release mode"
	@$(BIN)/maturin develop --release --skip-install --quiet
	@touch $@

$(STAMPS)/extension: pyproject.toml $(STAMPS)/packages $(STAMPS)/compiled | needs
	@echo "setup: the extension"
	@PIP_QUIET=1 $(BIN)/maturin develop --release --extras examples --quiet
	@touch $@

$(STAMPS)/models: $(EXAMPLE_SOURCES) $(FEATURE_SOURCES) $(MODELS_GONE) | $(STAMPS)/extension
	@echo "setup: the example models"
	@$(BIN)/python -m examples.train
	@touch $@
