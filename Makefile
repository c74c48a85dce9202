# Every target sets up what it needs; setup is quick when nothing changed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
AZURITE := local/azurite/node_modules/.bin/azurite

.PHONY: help setup check test test-az properties bench demo local clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: .venv/.installed local/azurite/node_modules/.installed ## .venv with the app, the fipswarden command and the tools; Azurite

.venv/.installed: requirements.txt requirements-dev.txt pyproject.toml
	@test -x $(PY) || python3 -m venv .venv || { echo "python3 -m venv failed: on Debian, apt-get install python3-venv"; exit 1; }
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@# Microsoft's own worker library asks for 3.13 but runs on 3.11: the tests load the app with it
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python azure-functions-runtime==1.3.0
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

local/azurite/node_modules/.installed: local/azurite/package.json local/azurite/package-lock.json
	npm ci --prefix local/azurite --no-audit --no-fund --loglevel=error
	@touch $@

check: setup ## everything static that can block
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/interrogate --quiet .

test: setup ## every test
	.venv/bin/pytest --numprocesses 2 --dist worksteal --cov --cov-report=term:skip-covered --cov-fail-under=95

clean: ## removes what setup and the local Azure made
	rm -rf .venv .venv-az .local local/azurite/node_modules

demo: setup ## the main job, end to end, on the local Azure
	@.venv/bin/python -m local.demo

local: setup ## keeps the local Azure and the app running; how to use it is printed
	@.venv/bin/python -m local.main

.venv-az/.installed: requirements-az.txt
	@test -x .venv-az/bin/python || python3 -m venv .venv-az
	.venv-az/bin/pip install --quiet --disable-pip-version-check -r requirements-az.txt
	@touch $@

test-az: setup .venv-az/.installed ## the Azure CLI and kubectl (if installed) against the local Azure
	PATH="$(CURDIR)/.venv-az/bin:$$PATH" .venv/bin/python -m local.server -- tests/az/session.sh
	PATH="$(CURDIR)/.venv-az/bin:$$PATH" tests/az/remediated.sh

properties: setup ## the properties of the pure core, thousands of cases each
	PROPERTIES=20 .venv/bin/pytest --numprocesses 2 --no-cov tests/properties

bench: setup ## ratios against a stated baseline in the same run
	@.venv/bin/python -m bench.judge
	@.venv/bin/python -m bench.prove
	@.venv/bin/python -m bench.verify
	@.venv/bin/python -m bench.report
