# make demo        install into .venv and run the demonstration
# make test        install into .venv and run the tests
# make test-slow   the tests that compile several models
# make soak MINUTES=60   path integrals, and one fault after the other; prints a table (docs/reliability.md)
# make bench       timings, as ratios measured side by side; about ten minutes of a quiet machine; benchmarks/results/
# make bench-full  the same with up to 32,000 atoms, 10^6 for what is no expert, and 32 beads: hours
# make check       formatting, lint and types, as CI does first
# make docs        the documentation as a site, build/docs/index.html; a warning is an error
# make dev         everything for work on moe_ipi: tools, and hooks that run before a commit
# make dist        sdist and wheel in dist/, checked
PYTHON ?= python3
VENV ?= .venv
PIP_INSTALL = $(VENV)/bin/pip install --disable-pip-version-check -c constraints.txt

.PHONY: install demo test test-slow soak bench bench-full check docs dev dist

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'moe_ipi needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) -e '.[test]'
	touch $@

$(VENV)/tools: $(VENV)/installed
	$(PIP_INSTALL) ruff mypy
	touch $@

demo: install
	$(VENV)/bin/moe-ipi demo

test: install
	$(VENV)/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: install
	$(VENV)/bin/pytest -m slow --timeout 900

MINUTES ?= 10
soak: install
	$(VENV)/bin/python -m tests.soak.soak --minutes $(MINUTES)

BENCH ?=
bench: install
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m benchmarks $(BENCH)

bench-full: install
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m benchmarks --full $(BENCH)

check: $(VENV)/tools
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

$(VENV)/docs: $(VENV)/installed
	$(PIP_INSTALL) -e '.[docs]'
	touch $@

docs: $(VENV)/docs
	$(VENV)/bin/python -m sphinx --fail-on-warning --keep-going --quiet --builder html docs build/docs

dev: $(VENV)/installed
	$(PIP_INSTALL) -e '.[dev]'
	touch $(VENV)/tools $(VENV)/docs
	$(VENV)/bin/pre-commit install

dist: dev
	rm -rf dist
	$(VENV)/bin/python -m build
	$(VENV)/bin/twine check --strict dist/*
