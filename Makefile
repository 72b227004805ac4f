# Work on the template itself. Bare `make` prints the menu.
.DEFAULT_GOAL := menu
SHELL := /bin/sh
.PHONY: menu demo test lint bench mutate uv browser

# A uv that works here: the one on the PATH, or one of our own in .tools/. (Some version managers
# put a `uv` on the PATH that only works in other folders, so we ask it rather than look for it.)
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .tools/bin/uv)
RUN := "$(UV)" run --quiet

menu: ## print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: uv ## generate a project into build/, run it, book a seat in it, tell what happened
	@$(RUN) python demo.py

test: uv browser ## the template's own tests
	@$(RUN) pytest

lint: uv ## ruff and mypy, on the template and on the folder it copies
	@$(RUN) ruff check --no-cache .
	@$(RUN) ruff format --no-cache --check .
	@$(RUN) mypy

bench: uv ## how long generation takes, beside cookiecutter's own time for two files
	@$(RUN) python bench/generation.py

mutate: uv ## seed faults into the template, list those that its tests miss (half an hour)
	@$(RUN) python bench/mutate.py $(faults)

uv:
	@"$(UV)" --version >/dev/null 2>&1 || { \
	  echo "Installing uv into .tools/ ..."; here="$$(pwd)"; \
	  { python3 -m venv .tools || (cd / && python3 -m venv "$$here/.tools"); } >/dev/null 2>&1 \
	  && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv \
	  || { echo "make: needs uv, or a python3 with venv to install it." >&2; exit 1; }; }

browser: uv
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || $(RUN) playwright install chromium
