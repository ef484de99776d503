# Everything a person does with this tree, one word each. Needs python3 (3.11 or newer) with venv, make and git.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
# Arguments for pytest, for example: make test ARGS="tests/unit -k merkle"
ARGS ?=

.PHONY: help install demo test check bench accuracy torture mutants sbom docs clean

help:
	@sed -nE 's/^([a-z]+):[^#]*## (.*)$$/  make \1\t\2/p' Makefile | expand -t 18

install: .venv/installed ## create .venv with the locked dependencies and the cutter command
	@:

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "iu-cutter needs Python 3.11 or newer, and no python3 of that age is on the PATH." >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$(PYTHON) cannot make virtual environments here; on Debian: apt install python3-venv" >&2; exit 1; fi
	@"$(PYTHON)" -m venv .venv

.venv/locked: requirements/development.txt | .venv/bin/python
	@echo "installing the locked dependencies into .venv"
	@$(PIP) --require-hashes --only-binary :all: --no-deps --requirement requirements/development.txt
	@$(BIN)/python -m pip --disable-pip-version-check check >/dev/null
	@touch $@

.venv/installed: .venv/locked pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## start PostgreSQL, cut the sample charter dry and live, show what to look at next
	@$(BIN)/cutter demo

test: check ## the checks, then every other test (ARGS="..." goes to pytest)
	@$(BIN)/python -m pytest $(or $(ARGS),--ignore=tests/house)

check: install ## lint, format, types, layers, house rules; names every breach before it fails
	@status=0; \
	$(BIN)/ruff check || status=1; \
	$(BIN)/ruff format --check || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/lint-imports --no-cache --no-logo || status=1; \
	$(BIN)/python -m pytest tests/house || status=1; \
	exit $$status

# A word whose tool does not exist says so and fails; it never pretends.
tool = if [ ! -e "$(1)" ]; then echo "make $@: $(1) does not exist in this tree, so there is nothing to run" >&2; exit 1; fi; \
  $(BIN)/python "$(1)"

build/peers/installed: requirements/bench.txt | .venv/bin/python
	@echo "installing what the cutting is measured against into build/peers"
	@"$(PYTHON)" -m venv build/peers
	@build/peers/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
	  --require-hashes --only-binary :all: --no-deps --requirement requirements/bench.txt
	@touch $@

bench: install build/peers/installed ## speed as ratios against peers in the same run, also to build/bench.json
	@$(call tool,benchmarks/speed.py) $(ARGS)

accuracy: install ## precision and recall of the cutting on real texts, also to build/accuracy.json
	@$(call tool,benchmarks/accuracy.py) $(ARGS)

torture: install ## kill and starve runs at every step, compare each with the undisturbed one
	@$(BIN)/cutter torture --help >/dev/null 2>&1 || { echo "make torture: this cutter has no torture command" >&2; exit 1; }
	@$(BIN)/cutter torture $(ARGS)

mutants: install ## break every listed guard, then a sample of the code, and count what no test sees
	@$(BIN)/python -m pytest tests/house/test_guards.py
	@$(call tool,tests/house/mutants.py) $(ARGS)

sbom: install ## write the list of all locked parts to build/sbom.json (CycloneDX, the same each time)
	@mkdir -p build
	@$(BIN)/cyclonedx-py requirements requirements/runtime.txt --pyproject pyproject.toml --output-reproducible --short-PURLs -o build/sbom.json

docs: install ## write the reference pages anew from the code
	@$(call tool,docs/generate.py) $(ARGS)

clean: ## remove what the other words made (.venv, build, caches)
	@rm -rf .venv build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
