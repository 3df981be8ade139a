# 乐客通. `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run test test-browser pictures lint bench bench-scale soak migration lock clean

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: $(VENV)/.installed ## set up and run everything; Ctrl-C stops it, the data stays
	@exec $(BIN)/leketong run

test: $(VENV)/.installed-dev ## set up and run all tests but the browser's
	@$(BIN)/python -m pytest -m "not browser"

test-browser: $(VENV)/.installed-dev ## run the browser's tests; needs chromium and a CJK font
	@command -v chromium >/dev/null || { \
	  echo "chromium is missing; on Debian: apt-get install chromium fonts-wqy-microhei" >&2; exit 1; }
	@$(BIN)/python -m pytest -m browser

pictures: $(VENV)/.installed-dev ## take the guides' pictures of staff pages anew; needs what test-browser needs
	@LEKETONG_PICTURES=1 $(BIN)/python -m pytest -m browser tests/browser/test_console.py

lint: $(VENV)/.installed-dev ## ruff, mypy and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.installed-dev ## measure against a bare handler in one run; needs a C compiler
	@$(BIN)/python -m benchmarks.bench

bench-scale: $(VENV)/.installed-dev ## the million-row figures; needs a C compiler, 29 GB of disk and half an hour
	@$(BIN)/python -m benchmarks.scale

soak: $(VENV)/.installed-dev ## kills under load, a million steps of the ledger, the tests on PostgreSQL 16; two hours
	@$(BIN)/python -m benchmarks.soak

migration: $(VENV)/.installed-dev ## write the models' changes as a migration: make migration NAME=why
	@test -n "$(NAME)" || { echo "say why: make migration NAME=add_tiers" >&2; exit 1; }
	@$(BIN)/leketong make-migration $(NAME)

lock: $(VENV)/.installed-dev ## write both lock files anew, with hashes and without addresses
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --no-annotate --no-header --group dev -c requirements.lock -o requirements-dev.lock

clean: ## remove what the other targets made, but not var, where the data is
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; name one: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "正在安装依赖，第一次大约需要半分钟…"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
