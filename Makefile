# make run, make test: each sets up .venv first, and works on a machine with nothing but Python.

PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test lint types coverage bench train test-grow corpus

run: .venv/ready
	$(BIN)/python main.py

test: .venv/ready
	$(BIN)/python -m pytest test_main.py

coverage: .venv/ready
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest test_main.py
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under 95

lint: .venv/ready-dev .venv/ready-grow
	$(BIN)/ruff check .

types: .venv/ready-dev .venv/ready-grow
	$(BIN)/mypy

bench: .venv/ready-dev
	$(BIN)/python benchmarks/bench.py

test-grow: .venv/ready-grow
	$(BIN)/python -m pytest tests/grow

corpus: .venv/ready-grow  # make corpus CORPUS=folder: corpus.tsv and one checkout an app, by number
	$(BIN)/python tests/grow/corpus.py $(CORPUS)

train: .venv/ready
	$(BIN)/python train.py

.venv/ready: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@

.venv/ready-grow: .venv/ready requirements-grow.txt
	$(BIN)/pip install --quiet --requirement requirements-grow.txt
	touch $@
