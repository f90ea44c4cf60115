# `make help` lists the targets. Everything is set up in .venv; deleting that folder undoes it.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run setup test test-fast test-long lint format docs bench gpu constraints clean

VENV := .venv
BIN := $(VENV)/bin
# Two stamps, so that `make run` need not wait for the tools that only tests use.
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check install -c constraints.txt
# Handed on to what a target runs: make run ARGS="--help", make test ARGS="-k ledger".
ARGS ?=

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUNTIME)  ## Set up what running needs, then `rlsel run`; ARGS="..." is handed on
	$(BIN)/rlsel run $(ARGS)

setup: $(DEV)  ## Set up everything in .venv, the tools for tests included

test: $(DEV)  ## Lint, import contracts and every test; ARGS="-k ledger" is handed to pytest
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(ARGS)

test-fast: $(DEV)  ## The tests that neither train nor start Ray
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not ray and not long" $(ARGS)

test-long: $(DEV)  ## The tests that prove long runs, which `make test` leaves out; before an issue ends
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m long $(ARGS)

lint: $(DEV)  ## ruff, pyright and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo

format: $(DEV)  ## Let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(DEV)  ## Make pages and JSON schema from the docstrings, and the site in site/, offline
	$(BIN)/rlsel config --schema > .schema.new
	mv .schema.new rlsel/experiment/rlsel.schema.json
	$(BIN)/rlsel config --markdown > docs/config.md
	$(BIN)/python scripts/command_line_page.py
	rm -rf site
	$(BIN)/zensical build --strict --clean

bench:  ## List the benchmarks and what each measures
	@for file in $(filter-out %/__init__.py,$(wildcard benchmarks/*.py)); do \
	  printf '  %s %-34s %s\n' "$(BIN)/python" "$$file" "$$(sed -n '1s/^"""\(.*[^"]\)"*$$/\1/p' "$$file")"; \
	done

gpu: $(RUNTIME)  ## All that a GPU is asked for, budgeted for 10 minutes; ARGS="--rehearse" on a CPU
	$(BIN)/python benchmarks/on_gpu.py $(ARGS)

constraints: $(DEV)  ## Pin in constraints.txt what .venv holds now
	{ sed -n "/^#/p; /^setuptools==/p" constraints.txt; $(BIN)/python -m pip freeze --exclude-editable; } > .constraints.new
	mv .constraints.new constraints.txt

clean:  ## Delete caches and build output; .venv and runs/ stay
	rm -rf build dist site .cache *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find envs rlsel tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# A pyenv shim is on PATH even where its version is not active, so each Python is asked, not just
# looked for; `ensurepip` is missing where Debian's python3-venv is.
define create_venv
	@{ $(BIN)/python -m pip --version || $(BIN)/python -m ensurepip; } >/dev/null 2>&1 || { \
	  for python in $(PYTHON) python3.12 python3.11 python3 python \
	      "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[21].*/bin/python; do \
	    if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
	      echo "Creating $(VENV) with $$("$$python" --version) ($$(command -v "$$python"))"; \
	      exec "$$python" -m venv --clear $(VENV); \
	    fi; \
	  done; \
	  echo "No Python 3.11 or 3.12 with venv was found; install one, or: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; \
	}
endef

$(RUNTIME): pyproject.toml constraints.txt
	$(create_venv)
	@echo "Installing rlsel in $(VENV): a few minutes the first time, most of it PyTorch"
	$(PIP) -e .
	@touch $@

$(DEV): pyproject.toml constraints.txt
	$(create_venv)
	@echo "Installing rlsel and its test tools in $(VENV): a few minutes the first time, most of it PyTorch"
	$(PIP) -e '.[dev]'
	@touch $(RUNTIME) $@
