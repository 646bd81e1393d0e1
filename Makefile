PYTHON ?= python3
BIN := .venv/bin
ROOTS := $(patsubst %/pyproject.toml,%,$(wildcard libs/*/pyproject.toml services/*/pyproject.toml))
empty :=
space := $(empty) $(empty)
export MYPYPATH := $(subst $(space),:,$(strip $(ROOTS))):tests
STACK ?= embedded

.PHONY: help install demo check test test-e2e test-unit test-integration contracts peers clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

install: .venv/installed  ## everything into .venv
.venv/installed: constraints.txt pyproject.toml $(addsuffix /pyproject.toml,$(ROOTS))
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %d.%d" % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade -c constraints.txt pip hatchling editables
	$(BIN)/python -m pip install -q -c constraints.txt --group dev
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation $(addprefix -e ./,$(ROOTS))
	@touch $@

demo: install  ## the whole story on this machine; ARGS="--exit --summary FILE" are passed on
	$(BIN)/millrace demo $(ARGS)

check: install  ## style, types, contracts, import direction
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addsuffix /millrace,$(ROOTS))
	$(BIN)/python contracts/derive.py --check
	$(BIN)/pytest -q tests/architecture

test: install  ## everything: unit, contracts, architecture, integration, chaos, browser, end to end
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; } >/dev/null 2>&1 || echo "chromium can't be installed here: the browser tests will say so and be skipped"
	$(BIN)/pytest tests libs services

test-e2e: install  ## the whole demo as a test, some six minutes; needs two idle cores
	$(BIN)/pytest tests/e2e

test-unit: install  ## what opens no socket
	$(BIN)/pytest tests/unit tests/contracts tests/architecture libs services

test-integration: install  ## on real parts; STACK=embedded|compose
	MILLRACE_STACK=$(STACK) $(BIN)/pytest tests/integration

contracts: install  ## schemas, AsyncAPI and flow.json from the code
	$(BIN)/python contracts/derive.py

peers: .venv/peers/installed  ## what benches measure us beside, in an environment of its own
.venv/peers/installed: bench/peers.txt | install
	$(PYTHON) -m venv .venv/peers
	.venv/peers/bin/python -m pip install -q -r bench/peers.txt
	@touch $@

bench-dedup bench-language bench-masking bench-profiles bench-registry bench-runs: peers
# not profile.py, which Python's own profilers would import in its library's place
bench-profile: bench-profiles ;
bench-%: install  ## bench-bus, bench-rest, bench-loop, ...
	$(BIN)/python bench/$*.py $(ARGS)

clean:  ## the virtual environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
