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
# tests start Python hundreds of times: compiled once is enough, whatever the caller's environment says
unexport PYTHONDONTWRITEBYTECODE

N ?= 200000
SEED ?= 1

# Tests run on every core, three processes to two cores, since many wait; tests/support/spread.py says which process gets
# which: those of one file in one process, which opens one store at a time. Python's own tracebacks: pytest's parse the
# source, and Python 3.11 may refuse to while other threads run, which ends a worker at a failing test.
SPREAD := -n $(shell expr $$(nproc) \* 3 / 2 + $$(nproc) % 2) --dist loadfile --tb native

.PHONY: help
help:  # list the commands
	@grep -hE '^[a-z-]+:.*# ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*# (.*)/\1|\2/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

$(TOOLS)/bin/uv:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet uv

$(READY): pyproject.toml uv.lock $(if $(findstring $(TOOLS),$(UV)),$(TOOLS)/bin/uv)
	@[ -d $(VENV)/lib ] || echo "making the environment in $(VENV), 1.1 GB: half a minute to two minutes"
	$(UV) sync --quiet --frozen --extra all --python $(PYTHON)
	@touch $@

.PHONY: setup
setup: $(READY)  # make the environment in .venv from nothing

.PHONY: demo
demo: $(READY)  # thirty simulated days through the whole path: wrappers, OTLP, store, statistics, advice
	$(RUN)modeltally demo $(if $(DAYS),--days $(DAYS))

.PHONY: test
test: $(READY)  # every test that takes seconds and no real programs, on every core
	$(RUN)pytest $(SPREAD) -m "not slow"

.PHONY: test-all
test-all: $(READY)  # every test; tests/README.md lists what make test leaves out
	$(RUN)pytest $(SPREAD)

# another part for each commit
PART ?= $(shell git rev-list --count HEAD 2>/dev/null || echo 1)

.PHONY: test-part
test-part: $(READY)  # every test, and of each that takes long a part that takes half a minute, drawn from PART=1; CI runs it
	$(RUN)pytest $(SPREAD) --part $(PART)

.PHONY: test-loaded
test-loaded: $(READY)  # make test beside a busy loop on every core
	@loops=; trap 'kill $$loops' EXIT; \
	for core in $$(seq $$(nproc)); do $(PYTHON) -c 'while True: pass' & loops="$$loops $$!"; done; \
	$(MAKE) --no-print-directory test

NEWEST := 3.15
PYTHONS := 3.12 3.13 3.14 $(NEWEST)

.PHONY: test-pythons
test-pythons: $(READY)  # what runs in services, on every other Python; what is not there is Debian's, unpacked: PYTHONS=3.13 ARGS=-x
	tests/pythons/run.sh $(UV) "$(PYTHONS)" $(SPREAD) $(ARGS)

.PHONY: test-newest
test-newest: $(READY)  # the same on the newest Python alone, without what is slow
	tests/pythons/run.sh $(UV) $(NEWEST) $(SPREAD) -m "not slow" $(ARGS)

.PHONY: test-oldest
test-oldest: $(READY)  # the same on the lowest versions of the libraries that pyproject.toml declares
	tests/pythons/oldest.sh .venv-oldest $(PYTHON) $(UV)
	.venv-oldest/bin/pytest --quiet tests/instrument $(SPREAD) -m "not slow" $(ARGS)

.PHONY: test-libraries
test-libraries: $(READY)  # the instrumented libraries themselves, the newest, with tiny models: gigabytes the first time
	UV_PROJECT_ENVIRONMENT=.venv-libraries $(UV) sync --quiet --frozen --extra all --group libraries --python $(PYTHON)
	.venv-libraries/bin/pytest tests/libraries $(SPREAD) $(ARGS)

.PHONY: test-comfyui
test-comfyui: $(READY)  # ComfyUI, the real one where COMFYUI_DIR says where it is, else a recorded conversation: COMFYUI_RECORD=1
ifdef COMFYUI_DIR
	UV_PROJECT_ENVIRONMENT=.venv-comfyui $(UV) sync --quiet --frozen --inexact --extra all --group libraries --python $(PYTHON)
	$(UV) pip install --quiet --python .venv-comfyui/bin/python --requirement $(COMFYUI_DIR)/requirements.txt
	COMFYUI_DIR=$(abspath $(COMFYUI_DIR)) .venv-comfyui/bin/pytest tests/comfyui --tb native $(ARGS)
else
	$(RUN)pytest tests/comfyui --tb native $(ARGS)
endif

.PHONY: test-libraries-matrix
test-libraries-matrix: $(READY)  # the same on the oldest versions of the libraries that are known: gigabytes the first time
	tests/libraries/oldest.sh .venv-libraries-oldest $(PYTHON) $(UV)
	.venv-libraries-oldest/bin/pytest tests/libraries $(SPREAD) $(ARGS)

.PHONY: test-llama
test-llama: $(READY)  # llama-cpp-python itself, which is compiled the first time: ten minutes on two cores
	UV_PROJECT_ENVIRONMENT=.venv-llama $(UV) sync --quiet --frozen --extra all --group llama --python $(PYTHON)
	.venv-llama/bin/pytest tests/libraries/test_llama_cpp.py $(ARGS)

.PHONY: stand-ins
stand-ins: $(READY)  # write what vllm and llama-cpp-python declare, from their newest releases: 400 MB are downloaded
	UV="$(UV)" PYTHONPATH=tests $(RUN)python -m libraries.stand_ins

.PHONY: test-stand-ins
test-stand-ins: $(READY)  # whether the newest releases declare anything else: 400 MB are downloaded
	UV="$(UV)" MODELTALLY_NEWEST=1 $(RUN)pytest tests/libraries/test_stand_ins.py $(ARGS)

.PHONY: record-dialects
record-dialects: $(READY)  # record the spans of other instrumentations anew, each in an environment of its own: ARGS=litellm for one
	PYTHONPATH=tests $(RUN)python -m dialects.record --uv "$(UV)" $(ARGS)

.PHONY: test-hosts
test-hosts: $(READY)  # every set-up of a host's tracing: is each operation recorded, is the host as without us
	PYTHONPATH=tests $(RUN)python tests/hosts/matrix.py $(if $(filter command line,$(origin N)),--operations $(N))

.PHONY: assets
assets: $(READY)  # take the files that browsers get from where they come from, and compare them with SHA256SUMS; needs npm
	PYTHON=$(abspath $(RUN)python) tests/assets.sh instrumentation/modeltally/show/static

AXE := tests/browser/node_modules/.package-lock.json

$(AXE): tests/browser/package-lock.json
	@command -v npm >/dev/null || { echo "make browser-tools needs npm" >&2; exit 2; }
	cd tests/browser && npm ci --ignore-scripts --silent
	@touch $@

.PHONY: browser-tools
browser-tools: $(AXE)  # install what judges pages beside the browser, into an ignored folder

.PHONY: browser
browser: $(READY)  # install what tests in a browser and of PDFs need, where it is missing: root gets it by apt-get
	tests/browser/install.sh

.PHONY: test-browser
test-browser: browser  # every page in Debian's chromium
	$(RUN)pytest tests/browser --tb native $(ARGS)

.PHONY: screenshots
screenshots: $(READY)  # pictures of every page of the demonstration, light, dark, wide and narrow, into build/screenshots
	PYTHONPATH=tests $(RUN)python -m browser.screenshots build/screenshots

.PHONY: lint
lint: $(READY)  # ruff, mypy, SQL style
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)sqruff lint queries/views queries/jobs queries/checks queries/grafana

.PHONY: format
format: $(READY)  # let ruff mend what it can
	$(RUN)ruff check --fix .
	$(RUN)ruff format .

.PHONY: oracle
oracle: $(READY)  # every roll and view against a truth kept in Python: make oracle N=200000 SEED=1
	PYTHONPATH=tests $(RUN)python -m queries.oracle --operations $(N) --seed $(SEED) --controls

.PHONY: chaos
chaos: $(READY)  # the server killed with -9, its disk failing, full, read-only, flipping bits; controls must lose: N=10 SEED=1
	$(RUN)python tests/chaos/server_kill.py --kills $(if $(filter command line,$(origin N)),$(N),10) --seed $(SEED) --controls
	$(RUN)python tests/chaos/faulty_disk.py --seed $(SEED) --controls

JUDGE := .collector/judge

$(JUDGE): $(wildcard tests/chaos/judge/*)
	@command -v go >/dev/null || { echo "make judge needs Go 1.26 or newer: https://go.dev/dl" >&2; exit 2; }
	mkdir -p $(@D)
	cd tests/chaos/judge && go build -trimpath -o ../../../$@ .

.PHONY: judge
judge: $(JUDGE)  # build the program that judges OTLP bodies with the Collector's own decoder

.PHONY: chaos-bodies
chaos-bodies: $(READY)  # damaged OTLP bodies, held against the Collector's decoder: N=100000 SEED=1; needs Go
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory $(JUDGE); fi
	$(RUN)python tests/chaos/bodies.py --bodies $(if $(filter command line,$(origin N)),$(N),100000) --seed $(SEED)

.PHONY: chaos-instrument
chaos-instrument: $(READY)  # fuzzed calls through the wrappers, with a control: make chaos-instrument N=1000000 SEED=1
	$(RUN)python tests/chaos/instrument --calls $(if $(filter command line,$(origin N)),$(N),1000000) --seed $(SEED) --controls

.PHONY: bench-overhead
bench-overhead: $(READY)  # what watching a call costs, beside OpenTelemetry by hand and the peers; QUICK=1 for less
	UV="$(UV)" PYTHONPATH=tests $(RUN)python -m bench.overhead $(if $(QUICK),--quick)

.PHONY: bench-libraries
bench-libraries: $(READY)  # what watching adds to one call of a library, beside the same call bare
	UV_PROJECT_ENVIRONMENT=.venv-libraries $(UV) sync --quiet --frozen --extra all --group libraries --python $(PYTHON)
	PYTHONPATH=tests .venv-libraries/bin/python -m bench.libraries

.PHONY: bench-ingest
bench-ingest: $(READY)  # spans per second acknowledged and visible against decoding them in Python alone
	PYTHONPATH=tests $(RUN)python -m bench.ingest

.PHONY: bench-store
bench-store: $(READY)  # what statistics and rollups cost at 2 and 20 million events: SIZE=2M ONLY=usage_by_model ROUNDS=7
	PYTHONPATH=tests $(RUN)python -m bench.store --verify --seed $(SEED) $(if $(SIZE),--size $(SIZE)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

.PHONY: bench-reducer
bench-reducer: $(READY)  # statistics of a thousand and a million executions in memory, beside a plain loop
	PYTHONPATH=tests $(RUN)python -m bench.reducer

.PHONY: bench-keep
bench-keep: $(READY)  # what a decision which loaded model goes costs at 500 models, beside LRU
	PYTHONPATH=tests $(RUN)python -m bench.keep

.PHONY: bench-manager
bench-manager: $(READY)  # listing, removing, bringing back and purging in a cache of a thousand models, beside the library's own scan
	PYTHONPATH=tests $(RUN)python -m bench.manager

.PHONY: bench-trends
bench-trends: $(READY)  # how often the class of a trend errs on simulated series: make bench-trends SEED=1 SERIES=2000
	PYTHONPATH=tests $(RUN)python -m bench.trends --seed $(SEED) $(if $(SERIES),--series $(SERIES))

.PHONY: bench-show-page
bench-show-page: $(READY)  # how long pages take on a store of 20 million events, which make bench-store makes: SIZE=2M ROUNDS=7
	PYTHONPATH=tests $(RUN)python -m bench.show_page $(if $(SIZE),--size $(SIZE)) $(if $(ROUNDS),--rounds $(ROUNDS))

.PHONY: bench-show
bench-show: $(READY)  # ten readers over HTTP on a store of 20 million events: waits, misses apart, memory: SIZE=2M FOR=60
	PYTHONPATH=tests $(RUN)python -m bench.show --seed $(SEED) $(if $(SIZE),--size $(SIZE)) $(if $(FOR),--seconds $(FOR))

.PHONY: bench-live
bench-live: $(READY)  # five minutes of 2,000 spans a second beside 50 listeners, 20 slow ones, ten readers; and without them: MINUTES=5
	PYTHONPATH=tests $(RUN)python -m bench.live --seed $(SEED) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: bench-soak
bench-soak: $(READY)  # ten minutes of 2,000 spans a second into a real server beside readers: MINUTES=10
	PYTHONPATH=tests $(RUN)python -m bench.store.soak --seed $(SEED) $(if $(MINUTES),--minutes $(MINUTES))

COLLECTOR := .collector/modeltally-collector

$(COLLECTOR): collector_config/builder.yaml collector_config/queue.patch collector_config/build.sh
	@command -v go >/dev/null || { echo "make collector needs Go 1.25 or newer: https://go.dev/dl" >&2; exit 2; }
	@echo "building the collector: about three minutes the first time, seconds after that"
	@start=$$(date +%s); collector_config/build.sh .collector \
		&& printf 'built %s in %d min %d s\n' $@ $$((($$(date +%s) - start) / 60)) $$((($$(date +%s) - start) % 60))

.PHONY: collector
collector: $(COLLECTOR)  # build the OpenTelemetry Collector of collector_config/ into .collector/; kept until that changes
	@$(COLLECTOR) --version

.PHONY: collector-names
collector-names: $(READY)  # write the names that may pass into collector_config/collector.yaml, from the local receiver's
	PYTHONPATH=tests $(RUN)python -m collector.allow_list

.PHONY: test-collector
test-collector: $(READY) $(COLLECTOR)  # the real collector between wrappers and the engine
	$(RUN)pytest tests/collector

.PHONY: test-clients
test-clients: $(READY)  # OpenTelemetry SDKs and ClickHouse clients of Go, Node, Java, Rust and Python against a real server
	tests/clients/build.sh .clients
	$(RUN)pytest tests/clients

.PHONY: test-openapi-clients
test-openapi-clients: $(READY)  # a Python client and TypeScript types made of the description of the interface, and one asked with
	PYTHONPATH=tests $(RUN)python -m show.api.generated --uv "$(UV)" $(ARGS)

.PHONY: chaos-collector
chaos-collector: $(READY) $(COLLECTOR)  # the collector killed, its store away, its disk full: N=1000000 DOWN_SECONDS=120 SLOW=1
	PYTHONPATH=tests $(RUN)python -m chaos.collector --seed $(SEED) $(if $(SLOW),--down-seconds 600) \
		$(if $(filter command line,$(origin N)),--spans $(N)) $(if $(DOWN_SECONDS),--down-seconds $(DOWN_SECONDS))

.PHONY: bench-collector
bench-collector: $(READY) $(COLLECTOR)  # spans per second through the collector and the local receiver, in one run
	PYTHONPATH=tests $(RUN)python -m bench.collector

.PHONY: breaks
breaks: $(READY)  # one-line breaks of store, receiver, instrument and SQL, and how many the tests catch: N=200 SEED=1 COMMIT=HEAD
	PYTHONPATH=tests $(RUN)python -m bench.breaks --seed $(SEED) $(if $(COMMIT),--commit $(COMMIT)) \
		$(if $(filter command line,$(origin N)),--breaks $(N))

.PHONY: wheel
wheel: $(READY)  # build the wheel, install it elsewhere, run the demonstration from it
	rm -rf dist
	$(UV) build --quiet --wheel --out-dir dist
	tests/wheel.sh dist/*.whl "$(UV)" "$(PYTHON)"

.PHONY: sizing
sizing: $(READY)  # what events take on disk, and the table of sizes that follows
	PYTHONPATH=tests $(RUN)python -m bench.sizing --write

.PHONY: docs
docs: $(READY)  # write the tables of the documents that are made from code
	PYTHONPATH=tests:deploy/grafana $(RUN)python tests/docs_tables.py

.PHONY: grafana
grafana: $(READY)  # write Grafana's dashboards and alert rules from deploy/grafana/generator and queries/grafana
	PYTHONPATH=deploy/grafana $(RUN)python -m generator

.PHONY: docs-libraries
docs-libraries: $(READY)  # write the page of what each library tells, by calling all of them
	UV_PROJECT_ENVIRONMENT=.venv-libraries $(UV) sync --quiet --frozen --extra all --group libraries --python $(PYTHON)
	PYTHONPATH=tests .venv-libraries/bin/python -m libraries.page --write

CI_PARTS := lint collector judge browser test-part test-libraries test-newest wheel

.PHONY: ci
ci:  # what .ci/run runs, with the minutes of each part
	@said=; whole=$$SECONDS; for part in $(CI_PARTS); do \
		begun=$$SECONDS; $(MAKE) --no-print-directory $$part || exit; \
		said+="$$part $$(awk "BEGIN {printf \"%.1f\", ($$SECONDS - $$begun) / 60}") min, "; \
	done; echo "$${said}together $$(awk "BEGIN {printf \"%.1f\", ($$SECONDS - $$whole) / 60}") min"
