# Two commands: `make lab` builds and uses a cluster on this machine, `make test` tests everything. Both do their own set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
INVENTORY ?= inventories/lab/cluster.yml
VENV := .venv
BIN := $(VENV)/bin
COLLECTION := .build/collections/ansible_collections/clusterwright/hpc
export PYTHON
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
unexport PYTHONPATH ANSIBLE_COLLECTIONS_PATH

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up

.PHONY: system setup setup-lab setup-test
system:
	@tools/preflight.sh && tools/preflight.sh install

$(COLLECTION):
	@mkdir -p $(@D) && ln -sfn ../../../.. $@

# A virtual environment is made anew when its requirements change; an interrupted one is finished by the next run.
$(VENV)/run.done: requirements/run.txt
	@echo "setup: Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q --disable-pip-version-check -r $< && touch $@

$(VENV)/lab.done: requirements/lab.txt $(VENV)/run.done
	@echo "setup: the lab's tools in $(VENV)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r $< && touch $@

$(VENV)/test.done: requirements/test.txt requirements/unit.txt requirements/lab.txt $(VENV)/run.done
	@echo "setup: test tools in $(VENV)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r $< && touch $@

setup: $(COLLECTION) $(VENV)/run.done ## make .venv and .build, for work in this checkout
setup-lab: setup $(VENV)/lab.done
setup-test: setup $(VENV)/test.done

# --- the lab

.PHONY: lab lab-down lab-status
lab: system setup-lab ## build a cluster of containers on this machine, and run a job on it
	@$(BIN)/python tools/make_lab.py -i $(INVENTORY)

lab-down: ## remove every trace of the lab
	@if [ -x $(BIN)/python ]; then $(BIN)/python tools/lab.py down -i $(INVENTORY) --images; else echo "lab-down: there is no lab"; fi

lab-status: setup ## show the lab's nodes and switches
	@$(BIN)/python tools/lab.py status -i $(INVENTORY)

# --- the checks; tools/test_all.py knows their order

DEVICE_PACKAGES := opensm ibsim-utils infiniband-diags opa-fm opa-basic-tools openvswitch-switch iproute2 iputils-ping \
	ipmitool freeipmi-tools openipmi snmp docker-registry skopeo squashfs-tools umoci

RESULTS := .build/results
PYTEST = -m pytest -q --junitxml=$(RESULTS)/$@.xml
NEWEST := .venv-newest
# For programs that look for their helpers on PATH.
IN_VENV := PATH=$(CURDIR)/$(BIN):$$PATH
LINTERS := ruff yaml ansible docs changelog shell
SCENARIOS := $(patsubst molecule/%/molecule.yml,%,$(wildcard molecule/*/molecule.yml))

.PHONY: test test-unit test-newest test-integration test-devices test-slow lint $(LINTERS:%=lint-%) types sanity molecule $(SCENARIOS:%=molecule-%) bench
test: system-all setup-test ## everything below but test-slow; goes on after a failure, and ends with the counts
	@$(BIN)/python tools/test_all.py

.PHONY: system-test system-all
system-test:
	@tools/preflight.sh && tools/preflight.sh install git shellcheck

# All at once, because parts that run side by side cannot both install.
system-all:
	@tools/preflight.sh && tools/preflight.sh install git shellcheck $(DEVICE_PACKAGES)

lint: $(LINTERS:%=lint-%) ## ruff, yamllint, ansible-lint, documentation, changelog, shellcheck

$(LINTERS:%=lint-%): setup-test

lint-ruff:
	@$(BIN)/ruff check .

lint-yaml:
	@$(BIN)/yamllint --strict .

lint-ansible:
	@$(IN_VENV) ansible-lint --offline --profile production

lint-docs:
	@$(IN_VENV) antsibull-docs lint-collection-docs --plugin-docs .

lint-changelog:
	@$(BIN)/antsibull-changelog lint

lint-shell:
	@if command -v shellcheck >/dev/null; then shellcheck tools/*.sh .ci/run; else echo "lint-shell: left out, there is no shellcheck (make system-test)"; fi

types: setup-test ## mypy
	@$(BIN)/mypy $(addprefix $(COLLECTION)/,plugins tools tests molecule)

sanity: setup-test ## ansible-test sanity, on a copy of what the collection ships
	@tools/sanity.sh

test-unit: setup-test ## the quick loop
	@$(BIN)/python $(PYTEST) -n 2 -m "not slow" tests/unit

test-newest: $(COLLECTION) ## the unit tests with the newest ansible-core, if a Python is there that runs it
	@if newest=$$(tools/find_python.sh 3.14 3.13 3.12); then $(MAKE) -s $(NEWEST)/done NEWEST_PYTHON="$$newest" && \
	    $(NEWEST)/bin/python $(PYTEST) -n 2 -m "not slow" tests/unit; \
	else echo "test-newest: skipped, this machine has no Python 3.12 or newer"; fi

$(NEWEST)/done: requirements/unit.txt requirements/run.txt
	@echo "setup: Python environment in $(NEWEST), with $(NEWEST_PYTHON)"
	@$(NEWEST_PYTHON) -m venv --clear $(NEWEST) && $(NEWEST)/bin/python -m pip install -q --disable-pip-version-check -r $< && touch $@

test-integration: system setup-test ## real munge and Slurm in containers, on bad days
	@$(BIN)/python $(PYTEST) -m "not slow" $(wildcard tests/integration/test_*.py)

test-devices: system-test setup-test ## switches and fabrics: simulated ones, real OpenSM, real checkers
	@tools/preflight.sh install $(DEVICE_PACKAGES)
	@$(BIN)/python $(PYTEST) -n 4 --dist worksteal -m "not slow" $(wildcard tests/integration/*/)

test-slow: system setup-test ## what takes minutes a test
	@tools/preflight.sh install $(DEVICE_PACKAGES) qemu-system-x86 e2fsprogs
	@$(BIN)/python $(PYTEST) -m slow tests

# A home of its own, because a copy of the collection in the user's would be taken instead of the checkout.
molecule: $(SCENARIOS:%=molecule-%) ## the scenarios, one after the other

$(SCENARIOS:%=molecule-%): system setup-test
	@$(IN_VENV) ANSIBLE_HOME=$(CURDIR)/.build/ansible MOLECULE_GLOB='molecule/*/molecule.yml' molecule test -s $(@:molecule-%=%)

bench: system setup-test ## the benchmarks in their quick form; tests/benchmarks/README.md has the long one
	@for program in tests/benchmarks/*.py; do echo "bench: $$program"; $(BIN)/python $$program --quick || exit; done
