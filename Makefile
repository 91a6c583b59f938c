# make demo        install into .venv and run the demonstration
# make test        install into .venv and run the tests
# make test-slow   the tests that compile several models
PYTHON ?= python3
VENV ?= .venv
PIP_INSTALL = $(VENV)/bin/pip install --disable-pip-version-check -c constraints.txt

.PHONY: install demo test test-slow lint

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'moe_ipi needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) -e '.[test]'
	touch $@

demo: install
	$(VENV)/bin/moe-ipi demo

test: install
	$(VENV)/bin/python -m pytest

test-slow: install
	$(VENV)/bin/python -m pytest -m slow --timeout 900

lint: install
	$(PIP_INSTALL) ruff
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
