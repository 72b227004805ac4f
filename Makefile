# Work on the template itself. `make` alone prints the commands.
.DEFAULT_GOAL := menu
SHELL := /bin/sh
.PHONY: menu demo test lint mutate screenshots uv browser

# uv from the PATH, or from .tools/. Some version managers put a `uv` on the PATH that works in
# other folders only, so this runs it instead of looking for it.
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .tools/bin/uv)
RUN := "$(UV)" run --quiet
LIBRARY := "{{cookiecutter.project_slug}}/vendor"

menu: ## print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: uv ## generate a project into build/, run it, book a seat in it, tell what happened
	@$(RUN) python demo.py

test: uv browser ## run all tests: the library's, and those that generate projects
	@$(RUN) pytest

lint: uv ## run ruff and mypy
	@$(RUN) ruff check --no-cache .
	@$(RUN) ruff format --no-cache --check .
	@$(RUN) ruff check --no-cache --config pyproject.toml $(LIBRARY)
	@$(RUN) ruff format --no-cache --config pyproject.toml --check $(LIBRARY)
	@$(RUN) mypy

mutate: uv ## seed faults into the template, list those that no test catches (an hour)
	@$(RUN) python bench/mutate.py $(faults)

screenshots: uv browser ## make the pictures of the README anew
	@$(RUN) python -m bench.screenshots

uv:
	@"$(UV)" --version >/dev/null 2>&1 || { \
	  echo "Installing uv into .tools/ ..."; here="$$(pwd)"; \
	  { python3 -m venv .tools || (cd / && python3 -m venv "$$here/.tools"); } >/dev/null 2>&1 \
	  && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv \
	  || { echo "make: needs uv, or a python3 with venv to install it." >&2; exit 1; }; }

browser: uv
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || $(RUN) playwright install chromium
