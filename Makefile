# Every command of the project. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
PYTHON ?= python3
# uv: the one on the PATH, else one installed by pip into an environment of its own
TOOLS := .venv-tools
UV := $(shell command -v uv 2>/dev/null || echo $(TOOLS)/bin/uv)
READY := $(VENV)/.ready
RUN := $(VENV)/bin/

N ?= 200000
SEED ?= 1

.PHONY: help
help:  # list the commands
	@grep -hE '^[a-z-]+:.*# ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*# (.*)/\1|\2/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

$(TOOLS)/bin/uv:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet uv

$(READY): pyproject.toml uv.lock $(if $(findstring $(TOOLS),$(UV)),$(TOOLS)/bin/uv)
	$(UV) sync --quiet --frozen --extra all --python $(PYTHON)
	@touch $@

.PHONY: setup
setup: $(READY)  # make the environment in .venv from nothing

.PHONY: demo
demo: $(READY)  # thirty simulated days through the whole path: wrappers, OTLP, store, statistics, advice
	$(RUN)modeltally demo $(if $(DAYS),--days $(DAYS))

.PHONY: test
test: $(READY)  # the test suite, on every core; a file's tests stay together
	$(RUN)pytest -n auto --dist loadfile

.PHONY: lint
lint: $(READY)  # ruff, mypy, SQL style
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)sqruff lint queries/views queries/jobs queries/checks

.PHONY: format
format: $(READY)  # let ruff mend what it can
	$(RUN)ruff check --fix .
	$(RUN)ruff format .

.PHONY: oracle
oracle: $(READY)  # every roll and view against a truth kept in Python: make oracle N=200000 SEED=1
	PYTHONPATH=tests $(RUN)python -m queries.oracle --operations $(N) --seed $(SEED) --controls

.PHONY: chaos
chaos: $(READY)  # kill -9 of the server at chosen points, with controls that must lose or double
	$(RUN)python tests/local/chaos_kill.py --kills $(if $(filter command line,$(origin N)),$(N),10) --seed $(SEED) --controls

.PHONY: bench-overhead
bench-overhead: $(READY)  # cost of a record in the calling thread against writing OpenTelemetry by hand
	$(RUN)python tests/instrument/bench_overhead.py

.PHONY: bench-ingest
bench-ingest: $(READY)  # spans per second acknowledged and visible against decoding them in Python alone
	$(RUN)python tests/local/bench_ingest.py

.PHONY: wheel
wheel: $(READY)  # build the wheel, install it elsewhere, run the demonstration from it
	rm -rf dist
	$(UV) build --quiet --wheel --out-dir dist
	tests/wheel.sh dist/*.whl "$(UV)" "$(PYTHON)"

.PHONY: docs
docs: $(READY)  # write the tables of the README that are made from code
	PYTHONPATH=tests $(RUN)python tests/docs_tables.py

.PHONY: ci
ci: lint test wheel  # what .ci/run runs
