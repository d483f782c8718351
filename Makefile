# Every target makes what it needs: a virtual environment, the dependencies, the installed package.
# `make help` lists them.

VENV ?= .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint unit wheel bench grammar format clean
.DEFAULT_GOAL := help

help:            ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */\1\t/' | expand -t 12

# The first interpreter of 3.11 or newer that really runs: version managers leave names behind that do not.
$(STAMP): pyproject.toml
	@echo "== making the virtual environment $(VENV)"
	@set -e; for candidate in python3 python3.13 python3.12 python3.11; do \
	    if $$candidate -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        $$candidate -m venv $(VENV); break; \
	    fi; \
	done; test -x $(PYTHON) || { echo "Python 3.11 or newer is needed"; exit 1; }
	@echo "== installing agentpolicy-engine and what its development needs"
	@$(PYTHON) -m pip install --quiet --upgrade 'pip>=25.1'
	@$(PYTHON) -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(STAMP)   ## a guarded agent run, end to end on this machine
	@echo "== a scripted agent under examples/first-policy.agp's kin: agentpolicy demo"
	@$(VENV)/bin/agentpolicy demo
	@echo "== recorded calls through the command line: agentpolicy decide < examples/calls.jsonl"
	@$(VENV)/bin/agentpolicy decide --policy examples/first-policy.agp --param workspace=/work/project \
	    < examples/calls.jsonl || test $$? -eq 1

test: lint unit wheel  ## everything that must hold: lint, tests with coverage, tests of the built wheel

lint: $(STAMP)   ## ruff, mypy, pyright, the floors
	@echo "== ruff"
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	@echo "== mypy"
	@$(VENV)/bin/mypy
	@echo "== pyright"
	@$(VENV)/bin/pyright --pythonpath $(PYTHON)
	@echo "== the floors"
	@$(VENV)/bin/lint-imports

unit: $(STAMP)   ## the tests, with branch coverage per floor
	@echo "== tests"
	@mkdir -p build
	@$(PYTHON) -m pytest -q --cov --cov-report=json:build/coverage.json --cov-report=
	@echo "== policies of the tests, the examples and the presets"
	@$(VENV)/bin/agentpolicy test tests/policies examples src/agentpolicy/presets
	@echo "== branch coverage of the floors"
	@$(PYTHON) tests/coverage_floors.py build/coverage.json

wheel: $(STAMP)  ## build the wheel and test what is in it
	@echo "== the wheel"
	@rm -rf build/wheel build/wheel-venv && mkdir -p build/wheel
	@$(PYTHON) -m build --wheel --outdir build/wheel . > build/wheel.log 2>&1 || { cat build/wheel.log; exit 1; }
	@$(PYTHON) -m venv build/wheel-venv
	@build/wheel-venv/bin/python -m pip install --quiet build/wheel/*.whl pytest
	@cd build && wheel-venv/bin/python -m pytest -q --rootdir=../tests/wheel -c ../tests/wheel/pytest.ini ../tests/wheel

bench: $(STAMP)  ## the measures of docs/performance.md, as ratios; writes build/bench.json
	@mkdir -p build
	@$(PYTHON) -m benchmarks

grammar: $(STAMP) ## make the saved tables from grammar/agentpolicy.lark
	@$(PYTHON) grammar/build.py

format: $(STAMP) ## lay the code out
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

clean:           ## remove what was made
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
