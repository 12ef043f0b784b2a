# make demo            a real workload in a service of its own; ONCE=1 ends after the figures, PORT=8001 moves it
# make up              a whole cluster on this machine: Kafka, ClickHouse stand-in, every service; make down stops it
# make kafka           only the Kafka broker
# make page            the web page, from web/ into the package
# make screenshot      docs/page.png anew, the README's picture of the page
# make check           before every commit: style, types, and the tests that need no engine, no browser and no broker
# make test            everything that must hold: style, types, tests
# make test-durations  the same tests, and where their time goes: by file, by fixture, by kind of work
# make test-thorough   by hand: eighty times as many random cases, and every fault harder and longer
# make test-faults     of these, the faults alone
# make test-attack     by hand, 20 minutes: random requests, bytes, kills and a soak against the embedded service, with a table
# make test-mutants    by hand: whether the tests notice faults that are seeded into the code
# make format schemas  what a change may need before it is committed
# make docs           the documentation as a site, in .site
# make agreement       docs/agreement.md anew, from the parity tests
# make bench-log       what run.log costs a training loop, in CPU
# make bench-importers each importer on a file that is made for it: speed and memory
# make bench-queries  what questions about 1 million detections cost an embedded service, after a write and at the next threshold
# make bench-upload    COCO files to an embedded service until every figure reflects them; LARGE=1 with
#                      one file of 5 million, for the client's memory
# make bench-scale     a run of 10 million predictions: load, memory, disk, every question; some minutes, 3 GB of disk;
#                      LARGE=1 with 50 million, some ten minutes
# make bench-load      200 readers and 4 writers at a time: how long answers take, and how many are turned away
# make bench           against pycocotools and its rivals, in one run; LARGE=1 with 1.8 million detections, too, but not for
#                      pycocotools: ten minutes more, and 4 GB of memory
# make bench-pipeline  events through a running cluster (make up) until they are queryable: as fast as they go, and at
#                      60,000 predictions a second

# Each process would compile a thousand modules anew, at half a second a start, where the environment forbids to keep them.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
# Touched when all is installed, and the kernels are built of what their C files say.
INSTALLED := .venv/installed
PORT ?= 8000
PAGE := services/evalstream_api/static/index.html
# Node comes with the environment, from PyPI; what npm runs must find this one.
NPM := PATH="$(CURDIR)/.venv/bin:$$PATH" $(BIN)/npm --prefix web --silent

.PHONY: demo up down kafka page screenshot check test test-durations test-thorough test-faults test-attack test-mutants lint lint-python lint-page format schemas agreement bench bench-log bench-importers bench-pipeline bench-queries bench-load bench-upload bench-scale docs clean

demo: $(INSTALLED) $(PAGE)
	$(BIN)/evalstream demo --port $(PORT) $(if $(ONCE),--once)

up: $(INSTALLED) $(PAGE)
	$(BIN)/python -m evalstream_devcluster up

down: $(INSTALLED)
	$(BIN)/python -m evalstream_devcluster down

kafka: $(INSTALLED)
	$(BIN)/python -m evalstream_devcluster kafka up

page: $(PAGE)

$(PAGE): web/node_modules/.installed schemas/openapi.json web/index.html web/vite.config.ts $(shell find web/src -type f -not -name schema.d.ts)
	$(NPM) run build
	touch $@

web/node_modules/.installed: web/package.json web/package-lock.json $(INSTALLED)
	$(NPM) ci --no-audit --no-fund
	touch $@

screenshot: $(INSTALLED) $(PAGE)
	$(BIN)/python docs/screenshot.py

# One worker more than there are cores, for those with a broker or a browser mostly wait. What shares an engine, a service
# or a cluster stays together: tests/conftest.py says what does.
WORKERS := $(shell $(PYTHON) -c 'import os; print(min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(), 4) + 1)')
# One thread of linear algebra a process: several would only wait for each other, and busily.
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder
# Tests are shuffled, by one seed: what fails in another order shall meet who looks for it (SEED=7, or test-thorough, which
# takes a new one each time), and not who has changed something else.
SEED ?= 1028211818
SHUFFLED := --randomly-seed=$(SEED)

# What answers without an engine, a service, a browser or a broker.
QUICK := tests/unit/events tests/unit/geometry tests/unit/matching tests/unit/metrics tests/unit/docs/test_doctests.py \
    tests/unit/docs/test_examples.py tests/unit/docs/test_promises.py tests/unit/deploy tests/unit/stored tests/unit/cluster tests/unit/test_ontology.py tests/pipeline/test_any_event.py
# But for two that take some seconds each.
QUICK += --deselect tests/unit/metrics/test_bootstrap.py::test_intervals_of_average_precision_once_moved \
    --deselect tests/unit/test_ontology.py::test_the_largest_one_is_read_soon

check: lint
	$(TESTS) $(SHUFFLED) $(QUICK)

test: lint $(PAGE)
	$(TESTS) $(SHUFFLED)

test-durations: $(INSTALLED) $(PAGE)
	$(TESTS) $(SHUFFLED) -p tests.durations

test-thorough: lint $(PAGE)
	HYPOTHESIS_PROFILE=thorough FAULTS=full $(TESTS) --timeout 7200

test-faults: $(INSTALLED)
	FAULTS=full $(BIN)/python -m pytest tests/faults

test-attack: $(INSTALLED)
	ATTACK=full $(BIN)/python -m pytest --numprocesses 0 --timeout 1200 tests/attack

test-mutants: $(INSTALLED)
	$(BIN)/python -m tests.mutants

# Together, for each keeps one core busy, as fetching what the page is checked with does.
lint: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint-python lint-page

lint-python: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# With the tests of its pure functions, which take a second and need no browser.
lint-page: web/node_modules/.installed
	$(NPM) run check
	$(NPM) run test

format: $(INSTALLED) web/node_modules/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) run format

schemas: $(INSTALLED)
	$(BIN)/python -m evalstream_schemas

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open .site/index.html, or for the search too: $(BIN)/python -m http.server --bind 127.0.0.1 --directory .site"

agreement: $(INSTALLED)
	rm -f docs/agreement.md
	$(BIN)/pytest tests/parity --write-agreement

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.coco --write $(if $(LARGE),--large)

bench-log: $(INSTALLED)
	$(BIN)/python -m benchmarks.run_log

bench-importers: $(INSTALLED)
	$(BIN)/python -m benchmarks.importers

bench-queries: $(INSTALLED)
	$(BIN)/python -m benchmarks.queries --images 27778 --write

bench-upload: $(INSTALLED)
	$(BIN)/python -m benchmarks.upload --write $(if $(LARGE),--images 12500 --copies 10 --rounds 1)

bench-scale: $(INSTALLED)
	$(BIN)/python -m benchmarks.scale --write $(if $(LARGE),--parts 100)

bench-load: $(INSTALLED)
	$(BIN)/python -m benchmarks.load

bench-pipeline: $(INSTALLED)
	$(BIN)/python -m benchmarks.pipeline --images 20000 --write
	$(BIN)/python -m benchmarks.pipeline --images 10000 --rate 60000 --write

$(INSTALLED): pyproject.toml constraints.txt hatch_build.py $(shell find shared -name '*.[ch]')
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "evalstream needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf web/node_modules services/evalstream_api/static
	rm -f shared/evalstream/native/kernels.so shared/evalstream/native/kernels.dylib shared/evalstream/native/kernels.dll
	rm -rf .venv .site .evalstream .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis
