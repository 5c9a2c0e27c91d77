# Each target sets up what it needs, and a second run of the setting up costs nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Debian 12's own interpreter, which the package is built for; elsewhere whatever 3.11 there is.
PYTHON := $(firstword $(wildcard /usr/bin/python3.11) python3.11)
UV := build/bootstrap/bin/uv
BIN := .venv/bin
# One more than the two cores of the smallest machine: real servers and guests are waited for more than they compute.
WORKERS := 3
LOCKS := packaging/requirements-build.txt packaging/requirements-dev.txt
export UV_PYTHON_DOWNLOADS := never
# Tests start dockd again and again: where a machine forbids to keep what was compiled, each start pays for it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast test-rack rack deb bench fleet screenshots lint format lock clean .venv

help: ## this list
	@sed -n 's/^\([a-z -]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | sort | column -t -s $$'\t'

demo: .venv ## the main job for real: simulated cameras, a real store, pulled cables, kills; closing table
	@$(BIN)/dockd demo

test: lint deb build/tus-server/installed build/axe/installed ## lint, types, contracts and all tests, the virtual rack's too; a skip or an expected failure fails it
	@packaging/setup-system test browser package rack
	@$(BIN)/pytest --whole --numprocesses $(WORKERS) --dist loadgroup --no-loadscope-reorder --cov --cov-report= --cov-fail-under=0
	@$(BIN)/coverage report

test-fast: .venv ## the inner loop: no real servers or processes, nothing slow
	@$(BIN)/pytest --numprocesses 2 -m "not real and not slow and not rack"

bench: .venv ## the ratios against named peers, into build/bench.json (BENCH=name for one)
	@packaging/setup-system bench
	@$(BIN)/python -m tests.bench $(BENCH)

screenshots: .venv ## the README's pictures of the status page, into docs/images
	@packaging/setup-system browser
	@$(BIN)/python -m tests.page

lint: .venv ## ruff, mypy and the import contracts
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: .venv ## let ruff lay the code out and fix what it can
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

test-rack: .venv deb ## the virtual rack's tests alone (RACK=expression for some of them)
	@packaging/setup-system rack
	@$(BIN)/pytest tests/rack --numprocesses $(WORKERS) --dist loadgroup --no-loadscope-reorder --durations=20 $(if $(RACK),-k "$(RACK)")

rack: .venv deb ## the virtual rack by hand: a booted station; dock and yank cameras, cut its power
	@packaging/setup-system rack
	@$(BIN)/python -m tests.rack

deb: .venv ## the Debian package, into build/dockd_<version>_<arch>.deb
	@packaging/setup-system deb
	@packaging/debian/build $(UV) $(BIN)/python

fleet: .venv ## a city's change of shift in virtual time: 700 stations, 23,000 cameras, one store
	@$(BIN)/python -m tests.fleet

lock: $(UV) ## resolve the dependencies again and write the lock files
	@packaging/lock $(UV)

clean: ## remove everything that make made
	@rm -rf .venv build .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

# The virtual environment: the installer by hash from pip, everything else by hash from the installer.
.venv: .venv/installed

$(UV): packaging/bootstrap.txt packaging/setup-system
	@packaging/setup-system python
	@rm -rf build/bootstrap
	@$(PYTHON) -m venv build/bootstrap
	@build/bootstrap/bin/pip install --quiet --no-input --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# Build dependencies first: what is built from source is built with them, never with something fetched on the side.
.venv/synced: $(UV) $(LOCKS)
	@packaging/setup-system python
	@[ -x $(BIN)/python ] || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r packaging/requirements-build.txt
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --no-build-isolation $(LOCKS)
	@touch $@

# A real tus server and the page's judge, for the tests: npm checks each package's hash; no package's own script runs.
build/tus-server/installed: $(wildcard tests/fakes/tus_server/*)
build/axe/installed: $(wildcard tests/page/axe/*)
build/%/installed: .venv/synced
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $(filter tests/%,$^) $(@D)
	@cd $(@D) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --ignore-scripts --omit=optional --no-audit --no-fund --no-update-notifier
	@touch $@

.venv/installed: .venv/synced pyproject.toml
	@$(UV) pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .
	@touch $@
