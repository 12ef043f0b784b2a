# make demo            a real workload in a service of its own; ONCE=1 ends after the figures, PORT=8001 moves it
# make up              a whole cluster on this machine: Kafka, ClickHouse stand-in, every service; make down stops it
# make kafka           only the Kafka broker
# make page            the web page, from web/ into the package
# make screenshot      docs/page.png anew, the README's picture of the page
# make test            everything that must hold: style, types, tests
# make test-faults     every fault, harder and longer than `make test` does it
# make format schemas  what a change may need before it is committed
# make agreement       docs/agreement.md anew, from the parity tests
# make bench           against pycocotools and faster-coco-eval, in one run
# make bench-pipeline  events through a running cluster (make up) until they are queryable

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
PORT ?= 8000
PAGE := services/evalstream_query/static/index.html
# Node comes with the environment, from PyPI; what npm runs must find this one.
NPM := PATH="$(CURDIR)/.venv/bin:$$PATH" $(BIN)/npm --prefix web --silent

.PHONY: demo up down kafka page screenshot test test-faults lint format schemas agreement bench bench-pipeline clean

demo: $(INSTALLED) $(PAGE)
	$(BIN)/evalstream demo --port $(PORT) $(if $(ONCE),--once)

up: $(INSTALLED) $(PAGE)
	$(BIN)/evalstream dev up

down: $(INSTALLED)
	$(BIN)/evalstream dev down

kafka: $(INSTALLED)
	$(BIN)/evalstream dev kafka up

page: $(PAGE)

$(PAGE): web/node_modules/.installed schemas/openapi.json web/index.html web/vite.config.ts $(shell find web/src -type f -not -name schema.d.ts)
	$(NPM) run build
	touch $@

web/node_modules/.installed: web/package.json web/package-lock.json $(INSTALLED)
	$(NPM) ci --no-audit --no-fund
	touch $@

screenshot: $(INSTALLED) $(PAGE)
	$(BIN)/python docs/screenshot.py

# A core, a worker: the tests of one file stay together and in order, for they share an engine, a service or a cluster.
test: lint $(PAGE)
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-faults: $(INSTALLED)
	FAULTS=full $(BIN)/pytest tests/faults

lint: $(INSTALLED) web/node_modules/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NPM) run check

format: $(INSTALLED) web/node_modules/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) run format

schemas: $(INSTALLED)
	$(BIN)/python -m evalstream_local.schemas

agreement: $(INSTALLED)
	rm -f docs/agreement.md
	$(BIN)/pytest tests/parity --write-agreement

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.coco

bench-pipeline: $(INSTALLED)
	$(BIN)/python -m benchmarks.pipeline

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "evalstream needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf web/node_modules services/evalstream_query/static
	rm -rf .venv .evalstream .mypy_cache .pytest_cache .ruff_cache .hypothesis
