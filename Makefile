# Everything Dialtone needs is set up in .venv by the first target that uses it. Needs Python 3.11 or later with venv, and make.
PYTHON ?= python3
# What draws a Grafana board without Grafana (tests/pictures.py says how it is called).
PICTURE ?= dashboard-picture
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

.PHONY: help
help: ## What can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.run: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run

.PHONY: run
run: $(VENV)/.run ## Start Dialtone with its demo: simulated vendors, live traffic, faults now and then
	$(BIN)/dialtone demo

.PHONY: lint
lint: $(VENV)/.dev ## Format check, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Collecting compiles every module and rewrites every test: once, while mypy has the other core, and not in each worker.
.PHONY: prepared
prepared: $(VENV)/.dev
	@$(BIN)/pytest --collect-only -qq >/dev/null || true
	sh tests/dashboards/install.sh

.PHONY: test
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.dev ## All checks that need no foreign server
	@$(MAKE) --no-print-directory --jobs=2 lint prepared
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: test-real
test-real: $(VENV)/.dev ## Against real servers (Prometheus, nginx, PostgreSQL, dockerd, podman), which it installs where it may
	sh tests/real/install.sh
	$(BIN)/pytest --force-enable-socket tests/real

.PHONY: test-crash
test-crash: $(VENV)/.dev ## kill -9 under load, damaged logs, full disks (CRASH_FULL=1: all of it)
	$(BIN)/pytest --force-enable-socket tests/crash

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Hostile configuration, manifests and answers; random cancellation
	$(BIN)/pytest --force-enable-socket tests/fuzz

.PHONY: afternoon
afternoon: $(VENV)/.dev ## Write the answers of docs/analyst-afternoon.md anew
	$(BIN)/python -m tests.afternoon

.PHONY: bench
bench: $(VENV)/.dev ## Measure, beside the peers in the same run
	$(BIN)/python -m tests.bench

.PHONY: contracts
contracts: $(VENV)/.dev ## Rebuild every contract.lock from CONTRACTS and check the requests really sent
	$(BIN)/python -m tests.contract.build

.PHONY: docs
docs: $(VENV)/.dev ## Write the vendors' pages (docs/vendors/) anew from their manifests
	$(BIN)/python -m integrations.manifest.pages

.PHONY: dashboards
dashboards: $(VENV)/.dev ## Generate the Grafana boards and the Prometheus rules anew
	$(BIN)/python -m dashboards.build
	$(BIN)/python -m dashboards.build.rules

.PHONY: pictures
pictures: $(VENV)/.dev ## Draw the pictures of the boards in docs/pictures with the program PICTURE
	$(BIN)/python -m tests.pictures $(PICTURE)

.PHONY: format
format: $(VENV)/.dev ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(VENV)/.dev ## Lock the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml --group pyproject.toml:build -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml --group pyproject.toml:dev --constraint requirements.lock -o requirements-dev.lock

.PHONY: clean
clean: ## Remove what was set up and made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* dist
