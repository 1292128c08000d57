# make run, make test: each sets up .venv first, and works on a machine with nothing but Python.

PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test lint types coverage coverage-digits coverage-jobs bench prove train train-digits
.PHONY: test-grow mutate-grow corpus lock audit monitor
.PHONY: docs diagrams tutorial test-tutorial prove-tutorial chapter

run: .venv/ready
	$(BIN)/python main.py

monitor: .venv/ready-monitor  # make monitor ARGS="--last 1000 --report report.html"
	$(BIN)/python monitor.py $(ARGS)

test: .venv/ready .venv/ready-monitor .venv/ready-digits .venv/ready-jobs
	$(BIN)/python -m pytest test_main.py
	$(BIN)/python -m pytest test_monitor.py
	$(MAKE) --no-print-directory -j2 test-digits test-jobs

test-%: .venv/ready-%
	cd examples/$* && ../../$(BIN)/python -m pytest -q test_main.py

coverage: .venv/ready
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest test_main.py
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under 95

coverage-digits: .venv/ready-digits  # not the test of time: tracing lines doubles it
	cd examples/digits && ../../$(BIN)/coverage run --rcfile /dev/null --branch --source main \
		-m pytest test_main.py -k "not 5_ms" && ../../$(BIN)/coverage report --fail-under 95

coverage-jobs: .venv/ready-jobs
	cd examples/jobs && ../../$(BIN)/coverage run --rcfile /dev/null --branch --source main \
		-m pytest test_main.py && ../../$(BIN)/coverage report --fail-under 90

lint: .venv/ready-dev .venv/ready-grow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check examples/digits
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive main.py monitor.py train.py fastapi_grow

READY = $(addprefix .venv/ready-,dev grow monitor digits jobs docs)

types: $(READY)
	$(BIN)/mypy
	$(BIN)/mypy examples/digits/main.py
	$(BIN)/mypy examples/jobs/main.py
	cd tutorial/run && ../../$(BIN)/mypy --config-file ../../pyproject.toml .

audit: .venv/ready-dev
	$(BIN)/python tests/audit.py

bench: .venv/ready-dev
	$(BIN)/python benchmarks/bench.py

prove: .venv/ready-dev  # FULL=1: all of it, for hours; BROKEN=1: that each proof can fail
	$(BIN)/python tests/prove $(if $(FULL),--full) $(if $(BROKEN),--broken)

test-grow: .venv/ready-grow
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/python -m pytest -p xdist tests/grow -n auto

mutate-grow: .venv/ready-grow  # break the tool once for each silent trap: its test has to go red
	$(BIN)/python tests/grow/mutations.py

corpus: .venv/ready-grow  # make corpus CORPUS=folder: corpus.tsv and one checkout an app, by number
	$(BIN)/python tests/grow/corpus.py $(CORPUS)

docs: .venv/ready-docs  # the tutorial as a site: build/docs/index.html
	$(BIN)/sphinx-build -W --keep-going -n -q -b html tutorial build/docs
	$(BIN)/python tutorial/links.py build/docs

diagrams: .venv/ready-docs  # tutorial/diagrams/*.svg from *.dot; needs graphviz
	$(BIN)/python tutorial/diagrams/draw.py

RUNNER = .venv/ready-dev .venv/ready-docs  # Playwright and markdown-it-py

tutorial: $(RUNNER)  # every step of every chapter, from an empty folder
	$(BIN)/python tutorial/run

prove-tutorial: $(RUNNER)  # that each step is needed: SAMPLE=4 tries four of them
	$(BIN)/python tutorial/run --prove $(if $(SAMPLE),--sample $(SAMPLE))

chapter: $(RUNNER)  # make chapter N=5: the folder as it is at the end of chapter 5
	@test -n "$(N)" || { echo "say which: make chapter N=5"; exit 2; }
	$(BIN)/python tutorial/run --state $(N)

test-tutorial: $(RUNNER)
	$(BIN)/python -m pytest tests/tutorial

train: .venv/ready
	$(BIN)/python train.py

train-digits: .venv/ready-train  # DIGITS=/a/file: where to write
	cd examples/digits && ../../$(BIN)/python train.py $(DIGITS)

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" $(UPGRADE)

lock: .venv/ready  # after a change of requirements*.txt; make lock UPGRADE=--upgrade renews the rest
	$(BIN)/pip install --quiet uv==0.13.9
	$(LOCK) requirements.txt --output-file requirements.lock
	$(LOCK) requirements-dev.txt --constraint requirements.lock --output-file requirements-dev.lock
	$(LOCK) requirements-grow.txt --constraint requirements-dev.lock --output-file requirements-grow.lock
	$(LOCK) requirements-docs.txt --constraint requirements-dev.lock --output-file requirements-docs.lock
	$(LOCK) requirements-monitor.txt --constraint requirements-grow.lock \
		--constraint requirements-dev.lock --output-file requirements-monitor.lock
	for app in examples/*/; do $(LOCK) $${app}requirements.txt --constraint requirements-grow.lock \
		--constraint requirements-dev.lock --output-file $${app}requirements.lock; done

INSTALL = $(BIN)/pip install --quiet --require-hashes --requirement

.venv/ready: requirements.lock
	$(PYTHON) -m venv .venv
	$(INSTALL) requirements.lock
	touch $@

.venv/ready-dev: .venv/ready requirements-dev.lock
	$(INSTALL) requirements-dev.lock
	touch $@

.venv/ready-grow: .venv/ready requirements-grow.lock
	$(INSTALL) requirements-grow.lock
	touch $@

.venv/ready-docs: .venv/ready requirements-docs.lock
	$(INSTALL) requirements-docs.lock
	touch $@

.venv/ready-monitor: .venv/ready requirements-monitor.lock
	$(INSTALL) requirements-monitor.lock
	touch $@

.venv/ready-train: .venv/ready-digits examples/digits/requirements-train.txt
	$(BIN)/pip install --quiet --requirement examples/digits/requirements-train.txt
	touch $@

.venv/ready-%: examples/%/requirements.lock .venv/ready
	$(INSTALL) $<
	touch $@
