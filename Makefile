# One verb an activity.  Everything runs in .venv, which the first verb makes.
PYTHON ?= python3
PAPER ?= gltr
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: help gpu-evidence install reproduce compare start regress test test-slow fuzz lint docs bench data list schemas constraints clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else "Reproid needs Python 3.11 or newer; this is %d.%d. Name another one: make PYTHON=python3.11 ..." % v[:2])'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(STAMP)  ## make .venv with the exact versions of constraints.txt

reproduce: $(STAMP)  ## run a paper end to end: make reproduce PAPER=gltr ARGS="--seeds 5"
	$(PY) -m runners.reproduce --paper $(PAPER) $(ARGS)

compare: $(STAMP)  ## papers side by side, only what is missing is run: make compare ARGS="--paper gltr cosam"
	$(PY) -m runners.compare $(ARGS)

start: $(STAMP)  ## train starting weights on drawn people, hours on two cores, resumable: make start ARGS="--depth 18"
	$(PY) -m runners.start $(ARGS)

list: $(STAMP)  ## list papers, arms and claims
	$(PY) -m runners.reproduce --list

test: $(STAMP)  ## all tests but the slow ones (13 minutes on two cores)
	OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --maxprocesses=4 --dist loadfile $(ARGS)

test-slow: $(STAMP)  ## the tests that train
	$(PY) -m pytest -m slow $(ARGS)

N ?= 10000
fuzz: $(STAMP)  ## N damaged inputs of every format through the commands: make fuzz N=10000
	REPROID_FUZZ=$(N) OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --maxprocesses=4 tests/fuzz $(ARGS)

regress: $(STAMP)  ## accuracy, cost and time against the stored baseline (7 minutes on two cores without bf16)
	$(PY) -m runners.regress --baseline reports/baselines/embedded.json $(ARGS)

lint: $(STAMP)  ## style, types, and the floors of the house
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(STAMP)  ## timings, each beside its floor
	$(PY) -m pytest -p no:cacheprovider -o addopts= tests/benchmarks --benchmark-only --benchmark-columns=median,iqr,rounds $(ARGS)

docs: $(STAMP)  ## the pages of docs/ as a site in build/docs; a link that leads nowhere ends it
	rm -rf build/docs
	$(PY) -m sphinx --fail-on-warning --keep-going --nitpicky --fresh-env -d build/doctrees -c docs . build/docs $(ARGS)

gpu-evidence:  ## costs and the embedded matrix on a CUDA GPU, by this machine's own python: no network, no .venv
	$(PYTHON) -m runners.gpu_evidence $(ARGS)

schemas: $(STAMP)  ## docs/schemas: the form of every JSON artifact as JSON Schema
	$(PY) -m reports.json_schemas

constraints: $(STAMP)  ## write down the versions of .venv
	(head -2 constraints.txt; $(PY) -m pip freeze --exclude-editable) > constraints.tmp && mv constraints.tmp constraints.txt

clean:  ## remove .venv, the built site and caches; data, runs and the tracking store stay
	rm -rf $(VENV) build/docs build/doctrees .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
