# Each target sets up what it needs; `make run` and `make test` need Python 3.11 and make, nothing else.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
LOCKED := pyproject.toml constraints.txt

# Where data goes and how strong the simulator's signal is: make run ROOT=data/noise SIGNAL=0
ROOT   ?= data
SIGNAL ?= 1.0
SEED   ?= 20240115
PARAMS := data_root=$(ROOT),signal=$(SIGNAL),seed=$(SEED)
PORT   ?= 8000

# No library tells anybody anything, in any process that is started from here.
$(foreach switch,$(shell $(PYTHON) src/finq_predictor/switches.py),$(eval export $(switch)))
# A container may forbid bytecode, and every process would compile every import again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run setup test lint format serve lab viz dags bench docs lock clean
.DEFAULT_GOAL := help

help:  ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# One stamp per set of extras: a target installs what it needs and no more.
$(VENV)/.base: $(VENV)/bin/python $(LOCKED)
	@echo "Installing the core (about a minute, once) ..."
	$(PIP) -e .
	@touch $@
$(VENV)/.serve: $(VENV)/.base
	$(PIP) -e '.[serve]'
	@touch $@
$(VENV)/.lab: $(VENV)/.base
	$(PIP) -e '.[lab]'
	@touch $@
$(VENV)/.viz: $(VENV)/.base
	$(PIP) -e '.[viz]'
	@touch $@
$(VENV)/.airflow: $(VENV)/.base
	$(PIP) -e '.[airflow]'
	@touch $@
$(VENV)/.dev: $(VENV)/.base
	@echo "Installing what the tests need (about two minutes, once) ..."
	$(PIP) -e '.[serve,viz,airflow,lab,dev]'
	@touch $@
# Airflow alone: it only starts the project's command, so it needs none of the project's packages.
.venv-airflow/.ready: deploy/airflow/requirements.txt
	$(PYTHON) -m venv .venv-airflow
	.venv-airflow/bin/python -m pip install --disable-pip-version-check --quiet -r deploy/airflow/requirements.txt
	@touch $@

run: $(VENV)/.base  ## Both markets, from bars to a promoted model and a prediction, offline
	$(BIN)/kedro run --params "$(PARAMS)"
	@$(BIN)/finq predict --root $(ROOT)

setup: $(VENV)/.dev  ## Everything that tests and tools need, to develop

test: $(VENV)/.dev .venv-airflow/.ready  ## All tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 15

lint: $(VENV)/.dev  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Let ruff format and sort
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: $(VENV)/.serve  ## The prediction API on http://127.0.0.1:8000 (after make run)
	FINQ_DATA_ROOT=$(ROOT) $(BIN)/bentoml serve finq_predictor.serving.service:Api --host 127.0.0.1 --port $(PORT)

lab: $(VENV)/.lab  ## JupyterLab on the notebooks, with the catalog
	$(BIN)/jupyter lab --notebook-dir notebooks

viz: $(VENV)/.viz  ## The lineage in the browser
	$(BIN)/kedro viz run

dags: $(VENV)/.airflow  ## Export the pipelines as Airflow DAGs to deploy/airflow/dags
	$(BIN)/kedro airflow create --group-by namespace --jinja-file deploy/airflow/dag_template.j2 \
		--pipelines equity,fx,ingestion,sentiment,features,evaluation,monitoring --target-dir deploy/airflow/dags

bench: $(VENV)/.dev  ## Benchmarks beside their peers
	$(BIN)/python -m pytest -o addopts="-q -s" tests/benchmarks

docs: $(VENV)/.serve  ## Write the generated reference pages
	$(BIN)/finq docs

lock: $(VENV)/.base  ## Pin every dependency anew
	$(PIP) uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --no-emit-package finq-predictor --python-version 3.11 \
		--no-header --no-annotate --quiet -o constraints.txt

clean:  ## Remove everything the pipelines made
	rm -rf data/0* data/own data/noise data/mlflow.db data/mlartifacts build
