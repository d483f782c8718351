# Every target makes what it needs: a virtual environment, the dependencies, the installed package.
# `make help` lists them. They need Python 3.11 or newer and, the first time, a package index; no terminal, no input.

VENV ?= .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Not a question to the network about newer releases.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help demo test lint unit coverage wheel bench fuzz grammar programs format clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:            ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */\1\t/' | expand -t 12

# The first interpreter of 3.11 or newer that really runs and can make an environment: version managers leave names
# behind that do not run, and some systems ship the interpreter without what `venv` needs.
$(STAMP): pyproject.toml
	@echo "== making the virtual environment $(VENV)"
	@set -e; rm -f $@; for candidate in python3.13 python3.12 python3.11 python3; do \
	    if $$candidate -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1; then \
	        echo "   with $$($$candidate --version)"; $$candidate -m venv $(VENV); break; \
	    fi; \
	done; test -x $(PYTHON) || { echo "Python 3.11 or newer with its venv module is needed"; exit 1; }
	@echo "== installing agentpolicy-engine and what its development needs"
	@$(PYTHON) -m pip install --quiet --upgrade 'pip>=25.1'
	@$(PYTHON) -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(STAMP)   ## a guarded agent run, end to end on this machine
	@echo "== a scripted agent with guarded tools: agentpolicy demo"
	@$(VENV)/bin/agentpolicy demo < /dev/null
	@echo "== recorded calls through the command line: agentpolicy decide --policy examples/first-policy.agp"
	@$(VENV)/bin/agentpolicy decide --policy examples/first-policy.agp --param workspace=/repo \
	    < examples/calls.jsonl || test $$? -eq 1

test: lint unit wheel  ## everything that must hold: lint, tests with coverage, tests of the built wheel
	@echo "== all of it holds"

lint: $(STAMP)   ## ruff, mypy, pyright, the floors
	@echo "== ruff: faults and layout"
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	@echo "== mypy: types"
	@$(VENV)/bin/mypy
	@echo "== pyright: types, seen by another"
	@$(VENV)/bin/pyright --pythonpath $(PYTHON)
	@echo "== import-linter: the floors"
	@$(VENV)/bin/lint-imports --no-logo

# Coverage starts before pytest does: the package's own plugin would otherwise be imported unseen.
unit: $(STAMP)   ## the tests, with branch coverage per floor
	@echo "== tests"
	@mkdir -p build
	@$(PYTHON) -m coverage run -m pytest -q
	@$(PYTHON) -m coverage json -q -o build/coverage.json
	@echo "== tests and proofs inside the examples and the presets"
	@$(VENV)/bin/agentpolicy test tests/policies examples src/agentpolicy/presets
	@echo "== branch coverage of each floor"
	@$(PYTHON) tests/coverage_floors.py build/coverage.json

coverage: unit   ## the tests, then what they did not reach, line by line
	@$(PYTHON) -m coverage report --skip-covered --show-missing

wheel: $(STAMP)  ## build the wheel and test what is in it
	@echo "== building the wheel"
	@rm -rf build/wheel build/wheel-venv && mkdir -p build/wheel
	@$(PYTHON) -m build --wheel --outdir build/wheel . > build/wheel.log 2>&1 || { cat build/wheel.log; exit 1; }
	@echo "== installing it into an environment of its own, build/wheel-venv"
	@$(PYTHON) -m venv build/wheel-venv
	@build/wheel-venv/bin/python -m pip install --quiet build/wheel/*.whl pytest
	@echo "== tests of the installed wheel"
	@cd build && wheel-venv/bin/python -m pytest -q --rootdir=../tests/wheel -c ../tests/wheel/pytest.ini ../tests/wheel

bench: $(STAMP)  ## the measures of docs/performance.md, as ratios; writes build/bench.json
	@mkdir -p build
	@$(PYTHON) -m benchmarks

SECONDS_EACH ?= 60
fuzz: $(STAMP)   ## coverage-guided fuzzing of the readers, SECONDS_EACH for each target
	@$(PYTHON) -m pip install --quiet --group fuzz
	@for target in shell argv url path; do echo "== fuzzing $$target"; \
	    $(PYTHON) -m fuzz $$target -max_total_time=$(SECONDS_EACH) -max_len=400 -verbosity=0 || exit 1; done

grammar: $(STAMP) ## make the saved tables from grammar/agentpolicy.lark
	@$(PYTHON) grammar/build.py

programs: $(STAMP) ## make the kept form of the tables of programs
	@$(PYTHON) grammar/programs.py

format: $(STAMP) ## lay the code out
	@$(VENV)/bin/ruff check --fix . ; $(VENV)/bin/ruff format .

clean:           ## remove what was made
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
