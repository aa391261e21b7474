# Everything here works from a clean checkout: the first target that needs it makes .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Thousands of small databases would each wait for the disk; in memory none does. A TMPDIR that is set is used.
MEMORY := $(shell test -w /dev/shm && df -Pk /dev/shm | awk 'NR == 2 && $$4 > 4000000 {print "/dev/shm"}')
ifneq ($(MEMORY),)
TMPDIR ?= $(MEMORY)
export TMPDIR
endif

# Without bytecode each of the many child processes of the tests compiles everything that it imports.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(BIN)/python -m pytest
# T="tests/cli -k completion" chooses tests, and whatever else pytest accepts; they run in one process unless T has -n.
T ?=
CHOSEN := $(if $(T),$(T),-n auto)
FAST := not slow and not process and not interop and not browser

.PHONY: help setup demo test test-fast test-all test-pythons cover lint format docs site site-serve dist bench test-versions lock clean

help:  ## Show these targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

setup: $(READY)  ## Make .venv with everything that development needs.

demo: $(READY)  ## Run the worked example on a fresh embedded catalog, end to end.
	$(BIN)/dml demo

test: $(READY)  ## Run the tests, or those of T="tests/cli -k completion".
	$(PYTEST) $(CHOSEN)

test-fast: $(READY)  ## Run the tests without a marker (tests/markers.py): most of them, in two minutes.
	$(PYTEST) $(CHOSEN) -m "$(FAST)"

test-all: $(READY)  ## Run the tests, the slow suites in full, and measure coverage.
	DML_TEST_FULL=1 $(PYTEST) -n auto --timeout 7200 --cov

test-pythons: $(READY)  ## Run the fast tests and the dashboard on the other supported Pythons that are installed.
	$(BIN)/python tools/pythons.py $(CHOSEN) -m "terminal or ($(FAST))"

cover: $(READY)  ## Run the tests and measure coverage, child processes included; fail below the floor.
	$(PYTEST) $(CHOSEN) --cov --cov-report=term-missing:skip-covered $(if $(T),--cov-fail-under=0)

lint: $(READY)  ## Check style, types and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY)  ## Put the code into the house's format.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## Generate the command reference, the completions and the tables of the Python API.
	$(BIN)/python -m dml.cli.app.reference
	$(BIN)/python tools/api_tables.py

$(VENV)-%/.ready: requirements/%.txt
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

site: $(VENV)-site/.ready  ## Build the documentation site into build/site; a broken link fails.
	NO_MKDOCS_2_WARNING=1 $(VENV)-site/bin/mkdocs build --strict
	$(VENV)-site/bin/python tools/site/check.py build/site

site-serve: $(VENV)-site/.ready  ## Preview the documentation site while you edit it.
	NO_MKDOCS_2_WARNING=1 $(VENV)-site/bin/mkdocs serve --strict

dist: $(VENV)-release/.ready  ## Build the sdist and the wheel into dist/ and check them.
	tools/dist.sh $(PYTHON) $(VENV)-release/bin

bench: $(READY)  ## Measure, and print our figures beside the limits.
	$(BIN)/python -m benchmarks

test-versions: $(READY)  ## Test with the lowest and the newest versions of the libraries with an upper bound.
	tools/test-versions.sh $(BIN)/uv $(BIN)/python

lock: $(READY)  ## Pin the dependencies, for every Python version that is supported.
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --all-extras \
	    --output-file requirements/dev.txt pyproject.toml requirements/dev.in
	for set in site release; do $(BIN)/uv pip compile --quiet --python-version 3.11 --no-emit-index-url --no-header \
	    --output-file requirements/$$set.txt requirements/$$set.in || exit; done

clean:  ## Remove what the targets above made.
	rm -rf $(VENV) .venvs $(VENV)-site $(VENV)-release .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* .interop dist build
