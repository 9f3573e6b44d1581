# Everything a person does with Retinue. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup demo serve mlflow test lint types layers format bench lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'
	@echo "  make bench-NAME       Run one benchmark: $(notdir $(basename $(filter-out %__init__.py %report.py tests/benchmarks/test_%.py,$(wildcard tests/benchmarks/*.py))))"

setup: $(READY) ## Install Retinue and all it needs into .venv

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## Run the main job on real data and serve it (ARGS=--no-serve ends after the summary; ARGS=trading)
	$(BIN)/retinue demo $(ARGS)

serve: $(READY) ## Serve the scores of a project (ARGS="--project DIR --port 8000")
	$(BIN)/retinue serve $(ARGS)

mlflow: $(READY) ## Look at the runs and models of a project (PROJECT=DIR)
	$(BIN)/mlflow ui --backend-store-uri sqlite:///$(or $(PROJECT),.)/.retinue/mlflow.db

test: $(READY) lint ## Check style, types and layers, and run all tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(READY) ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Put the code into the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Run all benchmarks; each writes build/bench/NAME.json
	@for file in $(filter-out %__init__.py %report.py tests/benchmarks/test_%.py,$(wildcard tests/benchmarks/*.py)); do \
		name=$$(basename $$file .py); echo "== $$name"; $(BIN)/python -m tests.benchmarks.$$name || exit 1; done

bench-%: $(READY)
	$(BIN)/python -m tests.benchmarks.$* $(ARGS)

lock: ## Resolve the dependencies anew into requirements.lock (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --output-file requirements.lock

clean: ## Remove what was built, and the environment
	rm -rf build dist $(VENV)
