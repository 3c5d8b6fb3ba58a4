# Everything a newcomer, a developer or CI runs. Needs Python 3.11 or newer and make: each target
# installs what it needs into .venv first, once, and again when requirements change.
#
#   PYTHON=python3.13   the Python to make .venv with (default: the first of 3.11 or newer)
#   ARGS='-k drift'     handed to pytest by `make test`, to the program by demo, sabotage, mutants, torture, fidelity, bench
#   WORKERS=2           how many processes run the tests

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

VENV ?= .venv
VENV_SAM ?= .venv-sam
VENV_CHECKOV ?= .venv-checkov
VENV_MINISTACK ?= .venv-ministack
VENV_LITELLM ?= .venv-litellm
WORKERS ?= 2
BIN := $(VENV)/bin
SAM := $(VENV_SAM)/bin/sam
CHECKOV := $(VENV_CHECKOV)/bin/checkov
UV := $(BIN)/uv

UV_STAMP := $(VENV)/.uv-installed
STAMP := $(VENV)/.installed
SAM_STAMP := $(VENV_SAM)/.installed
CHECKOV_STAMP := $(VENV_CHECKOV)/.installed
MINISTACK_STAMP := $(VENV_MINISTACK)/.installed
LITELLM_STAMP := $(VENV_LITELLM)/.installed
BUNDLE := build/bundle
BUNDLE_STAMP := build/.bundle

TEMPLATE := $(wildcard template.yaml)

say = printf '==> %s\n' "$(1)"
# Print what a command says only if it fails.
quietly = out=$$($(1) 2>&1) || { printf '%s\n' "$$out"; exit 1; }
# Run with the virtual environment's commands first on the path; exec, so that Ctrl-C reaches it.
run = PATH="$$(cd "$(BIN)" && pwd):$$PATH" exec
sync = "$(UV)" pip sync --quiet --require-hashes --no-build

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

# --- use ---

.PHONY: demo
demo: $(STAMP) ## Watch an environment converge, drift and heal, in a simulated AWS
	@$(run) "$(BIN)/python" -m sandbox demo $(ARGS)

.PHONY: from-nothing
from-nothing: $(STAMP) ## Lay the foundation in an empty simulated account, converge on it, and tell who reaches whom
	@$(run) "$(BIN)/python" -m sandbox from-nothing

.PHONY: test
test: lint ## Lint, then run every test
	@$(call say,pytest)
	@$(run) "$(BIN)/python" -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: setup
setup: $(STAMP) ## Make .venv with everything in it
	@$(call say,$(VENV) is ready)

.PHONY: bootstrap
bootstrap: $(STAMP) $(SAM_STAMP) ## Deploy the foundation of ENV=… to AWS, and the control plane (DRY_RUN=1: show only)
	@test -n "$(ENV)" || { echo "make bootstrap ENV=<environment>; environments: $(basename $(notdir $(wildcard bootstrap/*.json)))" >&2; exit 2; }
	@$(run) "$(BIN)/python" -m bootstrap.deploy "$(ENV)" --sam "$(abspath $(SAM))" $(if $(DRY_RUN),--dry-run) \
		$(if $(REPLACE),--replace)

# --- judge ---

.PHONY: lint
lint: $(STAMP) $(if $(TEMPLATE),$(SAM_STAMP) $(CHECKOV_STAMP)) ## Check style, types, import contracts and templates
	@$(call say,ruff)
	@"$(BIN)/ruff" check --quiet .
	@"$(BIN)/ruff" format --check --quiet --output-format concise . || { echo "not formatted: run 'make format'"; exit 1; }
	@$(call say,mypy --strict)
	@$(call quietly,"$(BIN)/mypy")
	@$(call say,import contracts)
	@$(call quietly,"$(BIN)/lint-imports")
ifneq ($(TEMPLATE),)
	@$(call say,cfn-lint and sam validate)
	@"$(BIN)/cfn-lint" $(TEMPLATE) bootstrap/*.yaml
	@export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1; \
	$(call quietly,"$(SAM)" validate --lint --template $(TEMPLATE))
	@$(call say,checkov)
	@$(call quietly,"$(CHECKOV)" --quiet --compact --skip-download --framework cloudformation \
		$(addprefix --file ,$(TEMPLATE) $(wildcard bootstrap/*.yaml)))
endif

.PHONY: format
format: $(STAMP) ## Format the code and fix what can be fixed
	@"$(BIN)/ruff" check --quiet --fix . || true
	@"$(BIN)/ruff" format --quiet .

.PHONY: e2e
e2e: $(STAMP) $(SAM_STAMP) $(MINISTACK_STAMP) ## Deploy to an emulator, and judge what runs there by itself
	@$(call say,end to end)
	@export VENV_SAM="$(abspath $(VENV_SAM))" VENV_MINISTACK="$(abspath $(VENV_MINISTACK))"; \
	$(run) "$(BIN)/python" -m pytest tests/e2e --ignore tests/e2e/apps --verbose $(ARGS)

.PHONY: e2e-litellm
e2e-litellm: $(STAMP) $(LITELLM_STAMP) ## Boot LiteLLM from what was registered, with PostgreSQL and Redis (Linux, x86-64)
	@$(call say,LiteLLM as it is registered)
	@export VENV_LITELLM="$(abspath $(VENV_LITELLM))"; \
	$(run) "$(BIN)/python" -m tests.e2e.apps.isolated "$(BIN)/python" -m pytest tests/e2e/apps --verbose $(ARGS)

.PHONY: sabotage
sabotage: $(STAMP) ## Break each invariant on purpose; its test must notice
	@$(run) "$(BIN)/python" -m tests.sabotage $(ARGS)

.PHONY: mutants
mutants: $(STAMP) ## Put small faults into the code that decides; a test must notice, or a list say why not
	@$(run) "$(BIN)/python" -m tests.mutation $(ARGS)

.PHONY: torture
torture: $(STAMP) ## Kill, cut off, delay and deceive it at every call; nothing may come of it
	@$(run) "$(BIN)/python" -m tests.perturbation.torture --workers $(WORKERS) $(ARGS)

.PHONY: fidelity
fidelity: $(STAMP) ## Show in figures how true to AWS it is: cases, recordings, refusals, drift
	@$(run) "$(BIN)/python" -m tests.fidelity $(ARGS)

.PHONY: bundle
bundle: $(BUNDLE_STAMP) ## Build what the Lambda runs, for this Python, and judge it
	@$(run) env PLUMBLINE_BUNDLE="$(BUNDLE)" "$(BIN)/python" -m pytest tests/bundle $(ARGS)

.PHONY: verify-real
verify-real: $(STAMP) ## Look at a real account (PLUMBLINE_VERIFY_REAL=its id) and record what AWS says
	@$(run) "$(BIN)/python" -m tests.verify_real $(ARGS)

.PHONY: bench
bench: $(BUNDLE_STAMP) ## Measure a steady pass and a cold start against their budgets
	@$(run) "$(BIN)/python" -m tests.bench $(ARGS)

# --- generate ---

.PHONY: schema
schema: $(STAMP) ## Write desired_state/schema.json from the models
	@$(call say,desired_state/schema.json)
	@"$(BIN)/plumbline" schema > desired_state/.schema.json.new
	@mv desired_state/.schema.json.new desired_state/schema.json

.PHONY: docs
docs: $(STAMP) ## Write the generated reference pages
	@$(run) "$(BIN)/python" docs/generate.py

# The dev file is solved first and constrains the others, so all agree on every version.
# UPGRADE=1 takes the newest versions; without it, pins stay unless a .in file asks for more.
compile = "$(UV)" pip compile --quiet --universal --generate-hashes --no-build \
	--python-version 3.11 --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make requirements' $(if $(UPGRADE),--upgrade)

.PHONY: requirements
requirements: $(UV_STAMP) ## Pin requirements/*.in by hash (UPGRADE=1: newest versions)
	@$(call say,requirements/*.txt)
	@$(compile) requirements/uv.in -o requirements/uv.txt
	@$(compile) requirements/dev.in -o requirements/dev.txt
	@$(compile) -c requirements/dev.txt requirements/runtime.in -o requirements/runtime.txt
	@$(compile) -c requirements/dev.txt requirements/cli.in -o requirements/cli.txt
	@$(compile) requirements/sam.in -o requirements/sam.txt
	@$(compile) requirements/checkov.in -o requirements/checkov.txt
	@$(compile) requirements/ministack.in -o requirements/ministack.txt
	@$(compile) requirements/litellm.in -o requirements/litellm.txt

.PHONY: hooks
hooks: $(STAMP) ## Run the linters before each commit
	@"$(BIN)/pre-commit" install

.PHONY: clean
clean: ## Remove everything that make made
	@rm -rf "$(VENV)" "$(VENV_SAM)" "$(VENV_CHECKOV)" "$(VENV_MINISTACK)" "$(VENV_LITELLM)" .mypy_cache .pytest_cache .ruff_cache .import_linter_cache \
		.hypothesis .aws-sam build dist plumbline.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up ---

# A virtual environment whose Python has gone is made anew.
ifneq ($(shell test -x "$(BIN)/python" && echo usable),usable)
.PHONY: $(UV_STAMP)
endif

find_python = for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python3.14 python); do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	python=; done; \
	[ -n "$$python" ] || { echo "Plumbline needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv), or PYTHON=/path/to/one" >&2; exit 1; }

$(UV_STAMP): requirements/uv.txt
	@$(call say,putting uv into $(VENV))
	@"$(BIN)/python" -m pip --version >/dev/null 2>&1 || { $(find_python); \
		"$$python" -m venv --clear "$(VENV)"; }
	@"$(BIN)/python" -m pip install -qq --disable-pip-version-check --no-deps --only-binary :all: \
		--require-hashes -r requirements/uv.txt
	@touch "$@"

$(STAMP): $(UV_STAMP) requirements/dev.txt pyproject.toml
	@$(call say,installing requirements/dev.txt into $(VENV))
	@$(sync) --python "$(BIN)/python" requirements/dev.txt
	@"$(UV)" pip install --quiet --no-deps --no-build-isolation --python "$(BIN)/python" --editable .
	@touch "$@"

$(SAM_STAMP): $(UV_STAMP) requirements/sam.txt
	@$(call say,installing requirements/sam.txt into $(VENV_SAM))
	@"$(UV)" venv --quiet --clear --python "$(BIN)/python" "$(VENV_SAM)"
	@$(sync) --python "$(VENV_SAM)/bin/python" requirements/sam.txt
	@touch "$@"

$(CHECKOV_STAMP): $(UV_STAMP) requirements/checkov.txt
	@$(call say,installing requirements/checkov.txt into $(VENV_CHECKOV))
	@"$(UV)" venv --quiet --clear --python "$(BIN)/python" "$(VENV_CHECKOV)"
	@$(sync) --python "$(VENV_CHECKOV)/bin/python" requirements/checkov.txt
	@touch "$@"

$(BUNDLE_STAMP): $(STAMP) requirements/runtime.txt handlers/Makefile $(shell find controller handlers -name '*.py')
	@$(call say,building $(BUNDLE))
	@rm -rf "$(BUNDLE)" && mkdir -p "$(BUNDLE)"
	@make --silent --file handlers/Makefile build-bundle ARTIFACTS_DIR="$(BUNDLE)" PYTHON="$(BIN)/python" \
		RUNTIME="$$("$(BIN)/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
	@touch "$@"

$(MINISTACK_STAMP): $(UV_STAMP) requirements/ministack.txt
	@$(call say,installing requirements/ministack.txt into $(VENV_MINISTACK))
	@"$(UV)" venv --quiet --clear --python "$(BIN)/python" "$(VENV_MINISTACK)"
	@$(sync) --python "$(VENV_MINISTACK)/bin/python" requirements/ministack.txt
	@touch "$@"

# npm's packages are pinned by hash in tests/e2e/apps/prisma/package-lock.json.
$(LITELLM_STAMP): $(STAMP) requirements/litellm.txt tests/e2e/apps/install.py $(wildcard tests/e2e/apps/prisma/package*.json)
	@$(call say,installing requirements/litellm.txt into $(VENV_LITELLM))
	@"$(UV)" venv --quiet --clear --python "$(BIN)/python" "$(VENV_LITELLM)"
	@$(sync) --python "$(VENV_LITELLM)/bin/python" requirements/litellm.txt
	@"$(BIN)/python" -m tests.e2e.apps.install "$(VENV_LITELLM)"
	@touch "$@"
