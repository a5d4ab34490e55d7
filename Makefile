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

.PHONY: system setup setup-test
system:
	@tools/preflight.sh && tools/preflight.sh install

$(COLLECTION):
	@mkdir -p $(@D) && ln -sfn ../../../.. $@

# A virtual environment is made anew when its requirements change; an interrupted one is finished by the next run.
$(VENV)/run.done: requirements/run.txt
	@echo "setup: Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q --disable-pip-version-check -r $< && touch $@

$(VENV)/test.done: requirements/test.txt $(VENV)/run.done
	@echo "setup: test tools in $(VENV)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r $< && touch $@

setup: $(COLLECTION) $(VENV)/run.done ## make .venv and .build, for work in this checkout
setup-test: setup $(VENV)/test.done

# --- the lab

.PHONY: lab lab-down lab-status
lab: system setup ## build a cluster of containers on this machine, and run a job on it
	@$(BIN)/python tools/make_lab.py -i $(INVENTORY)

lab-down: ## remove every trace of the lab
	@if [ -x $(BIN)/python ]; then $(BIN)/python tools/lab.py down -i $(INVENTORY) --images; else echo "lab-down: there is no lab"; fi

lab-status: setup ## show the lab's nodes
	@$(BIN)/python tools/lab.py status -i $(INVENTORY)
