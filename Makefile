PYTHON ?= $(or $(shell command -v python3.11),python3)
BIN := $(CURDIR)/.venv/bin
DEMO := build/demo
WORKSPACE ?= .
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: help setup lock deps check test test-fast test-gpu demo serve-flows repro clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready ## Install everything into .venv, from requirements.lock

.venv/.ready: requirements.lock pyproject.toml
	@echo "Setting up .venv (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet uv
	@UV_COMPILE_BYTECODE_TIMEOUT=900 uv pip install --compile-bytecode --python $(BIN)/python -r requirements.lock
	@uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

lock: ## Resolve the versions anew (no index address is written)
	uv pip compile --quiet pyproject.toml --extra dev --extra export --extra heads --extra servers --extra timm --extra video-nets -o requirements.lock

deps: setup ## Write the code that each stage runs into dvc.yaml
	python tests/architecture/stage_deps.py

check: setup ## Format, lint, types, import directions, spelling
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	codespell

# Two processes of about the same length, which wait for servers at different times. A thread that
# spins while it waits for another takes the time of both.
TRAININGS := $(addprefix tests/integration/test_,morphology.py semen_claims.py survival.py visem.py)
test: export OMP_WAIT_POLICY := PASSIVE
test: setup ## All tests, in two processes
	@mkdir -p build
	@pytest -m "not gpu" tests/integration $(TRAININGS:%=--ignore=%) >build/servers.log 2>&1 & \
	servers=$$!; pytest -m "not gpu" $(filter-out tests/integration/ tests/__pycache__/,$(wildcard tests/*/)) $(TRAININGS); \
	code=$$?; wait $$servers; code=$$((code | $$?)); cat build/servers.log; exit $$code

test-fast: setup ## The tests that take under a minute
	pytest -m "not gpu and not slow"

test-gpu: setup ## The tests that need a GPU
	pytest -m gpu

demo: setup ## From simulated videos and votes to a registered model, in build/demo
	@test -f $(DEMO)/dvc.yaml || rostfine init $(DEMO) --preset small
	@test -f $(DEMO)/data/votes/votes.csv || rostfine simulate $(DEMO)
	@cd $(DEMO) && dvc repro
	@echo && echo "V001_01, one of the clips it was trained on, by models:/rostfine@champion:"
	@cd $(DEMO) && rostfine predict data/clips/V001_01.npz --model models:/rostfine@champion
	@echo
	@echo "The report:  $(DEMO)/reports/index.html"
	@echo "Next:        source .venv/bin/activate && cd $(DEMO)"
	@echo "             dvc repro                  # nothing new, so nothing runs"
	@echo "             rostfine predict data/raw/V001.avi --tag 430,340"
	@echo "             mlflow ui --backend-store-uri sqlite:///mlflow.db"

serve-flows: setup ## Serve the flows of WORKSPACE: every night, on new votes, and from Prefect's pages
	python -m flows.deploy $(WORKSPACE)

repro: setup ## Run what is not up to date in this folder
	dvc repro

clean: ## Remove what make demo and the tests made
	rm -rf build .pytest_cache .mypy_cache .ruff_cache
