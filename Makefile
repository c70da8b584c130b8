# Two commands: `make book` builds the book, `make test` checks everything. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LAB_STAMP := $(VENV)/.installed-lab
WORKERS ?= 2
# Threads of each worker: two that both want all cores take longer than one after the other.
THREADS ?= $(shell $(PYTHON) -c 'import os; print(max(1, os.cpu_count() // $(WORKERS)))')
SITE := book/_build/html
LIVE := book/_build/extra/live
# Node and npm are in the virtual environment too.
NPM = cd live && PATH="$(abspath $(BIN)):$$PATH" npm --silent
NODE_STAMP := live/node_modules/.installed

JUPYTER_BOOK = $(BIN)/jupyter-book build . --all --quiet -W --keep-going -n \
	--toc book/_toc.yml --config _config.yml --path-output book
PYTEST = $(BIN)/python -m pytest
# These open Chromium; all but the one of JupyterLab read the built site.
PAGE_TESTS = tests/test_pages.py tests/test_live_pages.py tests/test_pdf.py tests/test_lab.py
NO_PAGE_TESTS = $(addprefix --ignore ,$(PAGE_TESTS))

.DEFAULT_GOAL := help
.PHONY: help setup book test quick lint unit fuzz notebooks portable live site pages pdf models lab course wheelhouse lock clean

help: ## Show the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) $(NODE_STAMP) ## Create .venv and install the locked packages (runs by itself when needed)

# tasks.py installs, here and where there is no make. EXTRAS=lab is what students need.
# TORCH_INDEX=<address> takes PyTorch's CPU build (README), WHEELHOUSE=<folder> needs no network.
INSTALL = VENV=$(abspath $(VENV)) $(PYTHON) tasks.py setup $(if $(WHEELHOUSE),--wheelhouse $(WHEELHOUSE))

$(STAMP): requirements.lock pyproject.toml
	$(INSTALL) --extras all
	touch $(STAMP) $(LAB_STAMP)

$(LAB_STAMP): requirements.lock pyproject.toml
	$(INSTALL) --extras lab
	touch $(LAB_STAMP)

$(NODE_STAMP): live/package.json live/package-lock.json $(STAMP)
	$(NPM) ci --ignore-scripts
	touch $@

live: setup ## Build the live models' app, with graphs and weights, for the site
	$(BIN)/python -m sa_helpers live $(LIVE)
	$(NPM) run build -- ../$(LIVE)

book: setup live ## Run the notebooks that are stale and build the site
	$(BIN)/python book/run_stale.py
	$(JUPYTER_BOOK)
	@echo "The book: $(SITE)/index.html (to serve it: $(BIN)/python -m http.server -d $(SITE))"

test: setup lint unit notebooks site pages ## Check everything: code, notebooks, strict build, pages

quick: lint ## Lint and the tests that take seconds, within two minutes
	$(PYTEST) -n $(WORKERS) -m "not slow and not notebooks" $(NO_PAGE_TESTS)

lint: setup ## Lint, format, types and the directions of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --config .github/zizmor.yml .github
	$(NPM) run check

unit: setup ## Tests of the package, the notebooks' form and the project's files
	$(PYTEST) -n $(WORKERS) --dist loadfile -m "not notebooks" $(NO_PAGE_TESTS)

notebooks: setup ## Run every notebook again and compare with its stored outputs
	$(BIN)/python book/run_stale.py --check
	TQDM_DISABLE=1 OMP_NUM_THREADS=$(THREADS) PYTHONPATH=tests $(PYTEST) -p compare_outputs \
		-n $(WORKERS) --dist loadfile --nbval --nbval-current-env -p no:cacheprovider \
		$$($(BIN)/python book/run_stale.py --list)
	$(PYTEST) -n $(WORKERS) -m notebooks tests

# Other kernels and no bfloat16, as on an older processor; another number of threads; and, which
# covers every processor, all shipped weights a little wrong, so that whatever is chaotic shows.
OLDER = ATEN_CPU_CAPABILITY=default MKL_CBWR=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 SA_COMPUTE_DTYPE=float32
portable: setup ## As unit and notebooks, as other processors would compute (two hours)
	$(OLDER) $(MAKE) unit notebooks
	$(MAKE) notebooks THREADS=1
	$(MAKE) notebooks THREADS=3 WORKERS=1
	SA_PERTURB_WEIGHTS=1 $(MAKE) unit notebooks

fuzz: setup ## Open ten thousand mutated checkpoints and report what comes of them
	$(BIN)/python tests/fuzz_checkpoints.py --count 10000 --seed $(or $(SEED),0)

site: setup live ## Build the site, warnings being errors
	$(JUPYTER_BOOK)

pages: setup ## Look at the built pages, and at two chapters in JupyterLab, in headless Chromium
	$(PYTEST) -n $(WORKERS) --dist loadgroup $(PAGE_TESTS)

pdf: site ## Print the book as one PDF, with the solutions at its end, into book/_build
	$(BIN)/python book/make_pdf.py

models: setup ## Train the shipped models again (hours; stops and resumes), e.g. NAMES="toon dog"
	$(BIN)/python -m workshop rebuild $(NAMES)

lab: $(LAB_STAMP) ## Open the chapters in JupyterLab: without outputs, solutions folded
	$(BIN)/python -m course build
	$(BIN)/jupyter lab course/_build/lab

course: $(LAB_STAMP) ## Make the course kit: student and instructor editions, slides, plans, quizzes
	$(BIN)/python -m course build

wheelhouse: $(LAB_STAMP) ## Collect wheels for a class room without network, into wheelhouse
	VENV=$(abspath $(VENV)) $(BIN)/python tasks.py wheelhouse wheelhouse --extras lab

lock: setup ## Resolve pyproject.toml anew into requirements.lock
	VENV=$(abspath $(VENV)) $(BIN)/python tasks.py lock

clean: ## Remove what was built (not .venv)
	rm -rf book/_build course/_build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
