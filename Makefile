# One command for each need. Every target makes its own environment in .venv and
# installs what it needs into it; a second run finds all of it there.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
NATIVE := CMakeLists.txt $(wildcard native/*.h native/*.cpp)

# The same versions of everything, build tools included, on every machine. Older pips
# take the second variable for the build's own environment too, newer ones the first.
export PIP_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Some tests time nothing but run beside each other: one thread of arithmetic each.
TEST_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
WORKERS ?= auto
ARGS ?=

.PHONY: help demo test check bench docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP)-install ## the main job, on text that every Python carries (about a minute)
	@$(BIN)/clew demo $(ARGS)

test: $(STAMP)-install ## every test (ARGS="-k name" to choose some)
	@$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal $(ARGS)

check: $(STAMP)-install ## style, types and the floors of the house
	@failed=0; \
	for step in "ruff check ." "ruff format --check ." mypy "lint-imports --no-logo"; do \
	  echo "== $$step"; $(BIN)/$$step || failed=1; \
	done; \
	exit $$failed

bench: $(STAMP)-install ## every quick benchmark: Clew beside its peers, on this machine
	@for file in benchmarks/*.py; do \
	  case $$file in */_*) continue;; esac; \
	  echo "== $$file"; $(BIN)/python $$file --quick; \
	done

docs: $(STAMP)-install ## the command reference and the pages of the course, written anew
	@$(BIN)/python docs/make_reference.py
	@$(BIN)/python docs/lesson_pictures.py
	@$(BIN)/python docs/make_course.py

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f src/clew/_native*.so

# The first Python from 3.11 on that runs and can make environments.
$(STAMP)-venv:
	@for python in $(PYTHON) python3 python3.11 python3.12 python3.13 python3.14; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found="$$python"; break; \
	  fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "make: no Python 3.11 or newer was found" >&2; \
	  echo "  expected: python3 --version to say 3.11 or more" >&2; \
	  echo "  try: install Python 3.11, or make PYTHON=/path/to/python3.11" >&2; \
	  exit 1; \
	fi; \
	if ! "$$found" -m venv --clear $(VENV); then \
	  echo "make: $$found could not make an environment in $(VENV)" >&2; \
	  echo "  try: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; \
	  exit 1; \
	fi
	@touch $@

$(STAMP)-compiler: | $(STAMP)-venv
	@if ! command -v "$${CXX:-c++}" >/dev/null && ! command -v g++ >/dev/null \
	  && ! command -v clang++ >/dev/null; then \
	  echo "make: no C++ compiler was found" >&2; \
	  echo "  expected: GCC 12 or newer, or Clang 14 or newer" >&2; \
	  echo "  try: Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++;" \
	       "macOS: xcode-select --install" >&2; \
	  exit 1; \
	fi
	@touch $@

# Editable: what is changed in src/ counts at once, what is changed in native/ is built anew.
$(STAMP)-install: pyproject.toml constraints.txt $(NATIVE) | $(STAMP)-venv $(STAMP)-compiler
	@echo "Installing Clew and what it needs into $(VENV) (minutes the first time, then never)"
	@$(BIN)/python -m pip install --quiet --config-settings=cmake.define.CLEW_STRICT=ON -e '.[dev]'
	@touch $@
