# Thin names for commands; each line may be typed by hand.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q

.PHONY: venv dev demo test lint docs bench clean

venv: $(VENV)/.installed
dev: $(VENV)/.installed-dev

# torch first and by this version: it has a CPU build, a tenth of the size, where the package index offers one.
$(VENV)/.installed: setup.py
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) -e . -c constraints.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) -e ".[dev]" -c constraints.txt
	touch $@

demo: venv
	$(BIN)/python examples/demo.py

test: dev
	$(BIN)/python -m pytest

lint: dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: dev
	$(BIN)/python docs/build.py

# make bench ARGS="--data DATA/tagging --raw DATA/unlabeled --teacher CHECKPOINT --quick"
bench: dev
	$(PIP) -e ".[bench]"
	$(BIN)/python benchmarks/tagging.py $(ARGS)

clean:
	rm -rf build dist *.egg-info $(VENV)
