# Everything a developer runs. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help install lock demo stack test test-deep compiled test-compiled chaos check format kafka bench soak screenshots clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCKS  := requirements.lock requirements-build.lock requirements-dev.lock
LOCK   := uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'
KAFKA_PORT ?= 9092
ARGS   ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

install: $(VENV)/.installed ## create .venv with the locked dependencies and cxstream itself (editable)

$(VENV)/.installed: pyproject.toml $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "cxstream needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing). Name another: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-build.lock
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --requirements requirements-dev.lock
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q cxstream # also where PYTHONDONTWRITEBYTECODE is set: every command starts in half the time
	@touch $@

lock: $(VENV)/.installed ## write the lock files anew, at the newest versions pyproject.toml allows
	$(BIN)/$(LOCK) --output-file requirements.lock pyproject.toml
	$(BIN)/$(LOCK) --constraint requirements.lock --group dev --output-file requirements-dev.lock pyproject.toml
	$(BIN)/$(LOCK) --constraint requirements-dev.lock --group build --output-file requirements-build.lock

demo: install ## a simulated helpdesk, an embedded broker, a worker and its live page
	@$(BIN)/cxstream demo $(ARGS)

stack: install ## what docker-compose.yml starts, but Grafana, without Docker; Ctrl-C ends it
	@$(BIN)/python -m tests.stack $(ARGS)

test: install ## all tests; those with a real Kafka too where Java 17 and Maven are found
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 $(ARGS)

test-deep: install ## the same with 100 times as many random examples
	@HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest --timeout 3600 $(ARGS)

compiled: install ## build/compiled: cxstream with its core compiled to C beside the sources (needs a C compiler)
	@rm -rf build/compiled && mkdir -p build/compiled
	@cp -r cxstream schemas tests docs pyproject.toml README.md LICENSE build/compiled
	@cd build/compiled && HATCH_BUILD_HOOK_ENABLE_MYPYC=1 ../../$(BIN)/uv build --wheel --no-build-isolation \
	  --python ../../$(BIN)/python . >build.log 2>&1 || { cat build.log; exit 1; }

test-compiled: compiled ## the tests of the core on it
	@cd build/compiled && ../../$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 tests/core $(ARGS)

chaos: install ## half an hour of faults under load, then every number compared (docs/guarantees.md)
	@$(BIN)/python -m tests.chaos $(ARGS)

check: install ## lint, format, types, and the generated files against their sources
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cxstream schemas --check
	CXSTREAM_SLA_POLICY=deploy/sla-policy.yml $(BIN)/cxstream rules --check
	CXSTREAM_SLA_POLICY=deploy/sla-policy.yml $(BIN)/cxstream dashboards --check

format: install ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

kafka: ## a real single-node Kafka in the foreground (Java 17 and Maven, no Docker); KAFKA_PORT=9092
	@tests/kafka/broker.sh $${TMPDIR:-/tmp}/cxstream-kafka $(KAFKA_PORT)

bench: install ## measure everything but the long run, into docs/performance.md (half an hour; see benchmarks/)
	@$(BIN)/python -m benchmarks --write $(ARGS)

soak: install ## the long run, into docs/performance.md (half an hour)
	@$(BIN)/python -m benchmarks soak --write $(ARGS)

screenshots: install ## the pictures of the documentation, taken anew (chromium; fonts-inter makes them nicer)
	@$(BIN)/python docs/screenshots.py

clean: ## remove what the targets above made, .venv too
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
