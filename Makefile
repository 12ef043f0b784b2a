# make demo            a real workload in a service of its own; ONCE=1 ends after the figures, PORT=8001 moves it
# make up              a whole cluster on this machine: Kafka, ClickHouse stand-in, every service; make down stops it
# make kafka           only the Kafka broker
# make test            everything that must hold: style, types, tests
# make test-faults     every fault, harder and longer than `make test` does it
# make format schemas  what a change may need before it is committed
# make bench           against pycocotools and faster-coco-eval, in one run
# make bench-pipeline  events through a running cluster (make up) until they are queryable

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
PORT ?= 8000

.PHONY: demo up down kafka test test-faults lint format schemas bench bench-pipeline clean

demo: $(INSTALLED)
	$(BIN)/evalstream demo --port $(PORT) $(if $(ONCE),--once)

up: $(INSTALLED)
	$(BIN)/evalstream dev up

down: $(INSTALLED)
	$(BIN)/evalstream dev down

kafka: $(INSTALLED)
	$(BIN)/evalstream dev kafka up

test: lint
	$(BIN)/pytest

test-faults: $(INSTALLED)
	FAULTS=full $(BIN)/pytest tests/faults

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(INSTALLED)
	$(BIN)/python -m evalstream_local.schemas

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
	rm -rf .venv .evalstream .mypy_cache .pytest_cache .ruff_cache .hypothesis
