# One command per concern. CI runs the very same ones: .ci/run is `make test`.
#
#   make try     the quickstart on the built-in demo, then JupyterLab: no key, no network after installing
#   make test    everything: lint, types, tests with real kernels and a real browser, notebooks
#   make quick   lint, types, and the tests that need no kernel and no browser: while you work
#   make lint    ruff, mypy, tsc and biome      make format  let ruff and biome write
#   make steady  the tests with kernels and browser, RUNS=20 times beside a busy process: does one fail sometimes?
#   make pythons the package in every CPython of this machine
#   make faults  the fault campaign             make mutants guards taken out, one at a time: does a test notice?
#   make bench   the benchmarks, beside their peers; BENCH="many startup" for some
#   make clean   what tools left behind
#   make PYTHON=python3.13 …  another Python
#
# The environment is .venv; it is made anew only where pyproject.toml or constraints.txt have changed. pip and npm are used as they are configured.

PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python
PIP := $(RUN) -m pip --disable-pip-version-check --no-input
KERNEL6 := ipykernel==6.31.0
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=60 --nbval-sanitize-with now_jupyter/nbval.cfg
OF_INSTALLATION := pyproject.toml constraints.txt
# One worker more than there are cores, as kernels and pages are waited for. A file's tests stay together, so do those
# with a JupyterLab, and files come in the order of tests/conftest.py.
WORKERS := -n $(shell $(PYTHON) -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))') --dist=loadfile --no-loadscope-reorder
# What checks the panel's script; users need neither.
NODE_MODULES := $(VENV)/js/node_modules
TSC := node $(NODE_MODULES)/typescript/bin/tsc --project tools/js
BIOME := node $(NODE_MODULES)/@biomejs/biome/bin/biome check --config-path=tools/js --error-on-warnings
SCRIPTS := $(wildcard now_jupyter/_panel/static/*.js now_jupyter/_panel/static/*.ts)
PYTEST_ARGS ?=
# Dozens of kernels and scripts are started, which need not compile the package each time.
unexport PYTHONDONTWRITEBYTECODE
RUNS ?= 20
BENCH ?=
PEERS := $(patsubst benchmarks/peers/%.txt,.venv-peers/%.stamp,$(wildcard benchmarks/peers/*.txt))
MUTANTS ?=

.PHONY: try test quick steady lint format pythons faults mutants bench clean programs kernel6 environment
.DEFAULT_GOAL := try

try: $(VENV)/try.stamp
	@$(RUN) tools/try_it.py

environment: $(VENV)/test.stamp

test: $(VENV)/test.stamp kernel6 programs lint pythons
	$(RUN) -m pytest $(WORKERS) $(NBVAL) $(PYTEST_ARGS)

# What nobody waits long for: no kernel, no browser, no faults; and no nbval, whose imports take seconds in each worker.
quick: lint
	$(RUN) -m pytest tests --quick --ignore=tests/faults -p no:nbval $(WORKERS) $(PYTEST_ARGS)

steady: $(VENV)/test.stamp kernel6 programs
	$(RUN) tools/steady.py $(RUNS) $(PYTEST_ARGS)

lint: $(VENV)/test.stamp $(VENV)/js.stamp
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(TSC)
	$(BIOME) $(SCRIPTS)

format: $(VENV)/test.stamp $(VENV)/js.stamp
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format
	$(BIOME) --write $(SCRIPTS)

pythons: $(VENV)/test.stamp
	$(RUN) tools/try_pythons.py

faults: $(VENV)/test.stamp kernel6 programs
	$(RUN) -m pytest tests/faults --full-faults --fault-table

mutants: $(VENV)/test.stamp
	$(RUN) tools/mutate.py $(MUTANTS)

bench: $(VENV)/test.stamp programs $(PEERS)
	$(RUN) benchmarks/bench.py $(BENCH)
	$(RUN) tools/write_readme.py

# Whom the package is measured against, from their own packages; what they require contradicts each other, and ours.
.venv-peers/%.stamp: benchmarks/peers/%.txt | $(VENV)/pip.stamp
	@echo "Installing into .venv-peers/$*, once."
	$(RUN) -m venv --clear --without-pip .venv-peers/$*
	$(PIP) --python .venv-peers/$* install -q -r $<
	@touch $@

programs:
	@$(PYTHON) tools/ensure_programs.py

# The second kernel lies apart from the environment's own; its kernelspec puts it in front (tests/kernels.py).
kernel6: $(VENV)/kernel6.stamp

$(VENV)/kernel6.stamp: Makefile | $(VENV)/test.stamp
	rm -rf $(VENV)/kernel6
	$(PIP) install -q --no-deps --target $(VENV)/kernel6 $(KERNEL6)
	@touch $@

# All versions are exact, so there is no lock file, which would name the registry's host.
$(VENV)/js.stamp: tools/js/package.json | $(VENV)/test.stamp
	@$(PYTHON) tools/ensure_programs.py npm
	rm -rf $(VENV)/js && mkdir $(VENV)/js && cp tools/js/package.json $(VENV)/js
	npm install --prefix $(VENV)/js --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/test.stamp: $(OF_INSTALLATION) | $(VENV)/pip.stamp
	$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/try.stamp

$(VENV)/try.stamp: $(OF_INSTALLATION) | $(VENV)/pip.stamp
	@echo "Installing into $(VENV); this takes a minute or two, once."
	$(PIP) install -q -c constraints.txt -e '.[try]'
	@touch $@

# An environment whose Python is gone, or which was copied from elsewhere, is made anew.
$(VENV)/pip.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "now_jupyter needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .venv-peers try build dist screenshots .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/results notebooks/*.now
	find now_jupyter tests tools benchmarks notebooks -name __pycache__ -type d -prune -exec rm -rf {} +
