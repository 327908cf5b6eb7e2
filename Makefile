# One command per chore, the same for people and for CI. `make` alone lists them.
VENV ?= .venv
PYTHON_IN_VENV := $(VENV)/bin/python
READY := $(VENV)/.ready
# Bytecode of our own sources too, also where PYTHONDONTWRITEBYTECODE is set; takes no time when nothing has changed.
COMPILE = @$(PYTHON_IN_VENV) -m compileall -q workbench
# And what pytest makes of the tests, a third of the time that collecting them takes. Tests that share one thing on this
# machine run one after another (see tests/conftest.py), the others beside them; PARALLEL= runs all of them in one process.
PARALLEL ?= -n auto --maxprocesses 4 --dist loadgroup
PYTEST = env -u PYTHONDONTWRITEBYTECODE $(PYTHON_IN_VENV) -m pytest

.DEFAULT_GOAL := help
.PHONY: help example demo test quick check docs bench audit lab pictures clean
export VENV

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(READY): pyproject.toml constraints.txt requirements.lock scripts/bootstrap
	@./scripts/bootstrap

example: $(READY)  ## write the report of the example, four meshes recorded elsewhere (a minute, nothing is measured)
	$(COMPILE)
	@$(PYTHON_IN_VENV) -m workbench report example

demo: $(READY)  ## measure real data planes on this machine, compare them, write the report (two minutes)
	$(COMPILE)
	@$(PYTHON_IN_VENV) -m workbench demo

test: $(READY)  ## run the tests, in parallel where they allow it; what they need is built first, once (SETUP=no: without)
	$(COMPILE)
	@[ "$(SETUP)" = no ] || $(PYTHON_IN_VENV) scripts/test_setup
	@$(PYTEST) $(PARALLEL) $(ARGS)

quick: $(READY)  ## run the tests that need no proxies, browser or cluster, in parallel (two minutes)
	$(COMPILE)
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-quick} $(PYTEST) -m quick -n auto --dist worksteal $(ARGS)

check: $(READY)  ## style, types, directions of imports, form of the notebooks
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .
	@$(PYTHON_IN_VENV) -m mypy
	@$(PYTHON_IN_VENV) -m mypy --config-file tests/mypy.ini
	@$(VENV)/bin/lint-imports
	@$(PYTHON_IN_VENV) scripts/check_notebooks.py

docs: $(READY)  ## make the documentation's site in site/; look at it with: python -m http.server -d site
	@NO_MKDOCS_2_WARNING=1 $(PYTHON_IN_VENV) -m mkdocs build --quiet
	@echo "site/index.html is there."

bench: $(READY)  ## measure our own speed, one table
	$(COMPILE)
	@$(PYTHON_IN_VENV) tests/bench $(ARGS)

audit: $(READY)  ## ask for known vulnerabilities in what is installed
	@$(PYTHON_IN_VENV) scripts/audit

lab: $(READY)  ## open JupyterLab on the notebooks
	$(COMPILE)
	@$(PYTHON_IN_VENV) -m workbench lab

pictures: $(READY)  ## make the pictures of the documentation again
	$(COMPILE)
	@$(PYTHON_IN_VENV) scripts/make_pictures.py $(ARGS)

clean:  ## remove what can be made again; never data/ or reports/
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
