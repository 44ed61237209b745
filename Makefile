# Everything a person or a machine does with a clone; bare `make` lists it.
PYTHON ?= python3
VENV ?= .venv
WORKSPACE ?= workspace
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install demo docs test test-all test-all-plain test-all-ray test-quick check format bench gpu-check clean

help: ## List what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## Set up the virtual environment (every other target does it too)

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Error: Python 3.11 or newer is needed, found " + sys.version.split()[0] + "; say make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[dev]'
	@touch $@

demo: install ## Run the whole pipeline on the embedded cookbook (minutes on 2 cores)
	$(BIN)/seje-ray calibrate --workspace $(WORKSPACE)
	$(BIN)/seje-ray train --workspace $(WORKSPACE)
	$(BIN)/seje-ray evaluate --workspace $(WORKSPACE) --run demo
	$(BIN)/seje-ray search --workspace $(WORKSPACE) --run demo
	@echo "to try it on a page: $(BIN)/seje-ray serve --workspace $(WORKSPACE)"

test: test-quick ## Run the tests of what a user relies on (10 minutes on 2 cores)
	$(BIN)/python -m pytest -m "not slow and ray"

test-all: test-all-plain test-all-ray ## Run all tests, kills, several nodes and big networks too (an hour)

test-all-plain: install
	$(BIN)/python -m pytest -m "not ray" --numprocesses 2 --dist worksteal

test-all-ray: install
	$(BIN)/python -m pytest -m ray

test-quick: install ## Run the tests of `make test` that start no Ray
	$(BIN)/python -m pytest -m "not slow and not ray" --numprocesses 2 --dist worksteal

docs: install ## Write the pages made from the code, and build the site in site/
	$(BIN)/python -m docs.generate
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

check: install ## Check format, lint, types and the layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## Format and sort the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## Measure speed against plain loops (prints ratios)
	$(BIN)/python -m benchmarks.speed

gpu-check: install ## Run and measure on a GPU what only a GPU can tell (8 minutes; gpu-check/)
	$(BIN)/python -m benchmarks.gpu_check

clean: ## Remove the virtual environment and caches; the workspace stays
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
