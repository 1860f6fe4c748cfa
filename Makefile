# `make demo` and `make test` need python3 (3.11 to 3.13) with venv, and make; everything else they fetch themselves.
PYTHON ?= python3
MAILBOXES ?= 200
PROTOCOL ?= mixed
VENV := .venv
BIN := $(VENV)/bin
# How all tests are run: more at once than CI has cores, because part of the time is waiting (JOBS=8 on a larger machine).
# What the tests of a file share is started once, and the order of tests/conftest.py is kept.
JOBS ?= 4
TESTS := -n $(JOBS) --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# Said before each installation, which is silent until it has ended.
INSTALLING = @echo "installing $$(grep -c '^[a-z].*==' $<) packages into $(VENV), about a minute, once"
LOCK := uv pip compile pyproject.toml --universal --generate-hashes --no-header --quiet $(if $(UPGRADE),--upgrade)

# Tests start some hundreds of Python processes; without these files, each would compile all of rsvpq again.
test quick coverage chaos: export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test quick coverage chaos bench lint types layers programs locks command-files clean

## demo: the main job end to end on this machine (KEEP=1 leaves it up, MAILBOXES=2000 makes it larger; PROTOCOL=webdav or
##       ews for all servers, else one of three has EWS; TOUR=1 only starts everything, with the safe defaults, for
##       docs/tour.md)
demo: $(VENV)/demo.stamp
	@$(BIN)/python -m demo --mailboxes $(MAILBOXES) --protocol $(PROTOCOL) $(if $(KEEP),--keep) $(if $(TOUR),--tour)

## test: style, types, layers, and all tests (JOBS=8 runs eight at once; each needs a gigabyte)
test: lint types layers programs
	$(BIN)/python -m pytest $(TESTS)

## quick: style, types and the fast tests, within two minutes, for use while editing; `make test` decides
quick: lint types
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q -m "not slow" --hypothesis-profile quick --durations 5 --durations-min 2

## coverage: all tests, slower, with branch coverage of rsvpq, producer and workers, also in the processes that tests start;
##           lists the code that nothing runs, and fails below the share that pyproject.toml requires
coverage: $(VENV)/dev.stamp programs
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/python -m coverage run -m pytest $(TESTS)
	$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m tests.support.uncovered
	@$(BIN)/python -m coverage report

## chaos: every fault, on rsvpq and on plain Celery tasks (SEED=2, ONLY=Redis, KILLS=2000; WRITE=1 puts the table into docs)
chaos: $(VENV)/dev.stamp
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)") \
	  $(if $(KILLS),--kills $(KILLS)) $(if $(WRITE),--write)

## bench: rsvpq measured beside other programs that do the same (WRITE=1 puts the tables into docs/performance.md, QUICK=1
## is small and proves nothing, ROUNDS=5, MESSAGES=500, PARTS="answering ews scale memory idle fairness"; PARTS=outage takes
## more than half an hour, and runs only if it is named)
bench: $(VENV)/bench.stamp
	@$(BIN)/python -m benchmarks $(PARTS) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(MESSAGES),--messages $(MESSAGES)) \
	  $(if $(QUICK),--quick) $(if $(WRITE),--write)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

layers: $(VENV)/dev.stamp
	$(BIN)/lint-imports

# Some tests need programs that no Python package brings: a browser to look at Flower, redis-cli for a health check of
# docker-compose.yml, and a Redis with TLS, which redis-check-rdb is under another name. They are skipped if these are
# missing, but never in CI, which may install them.
programs:
	@[ -z "$$CI" ] || { command -v chromium && command -v redis-cli && command -v redis-check-rdb; } >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq chromium redis-tools >/dev/null; }

# The stamps share one environment: the development lock contains the demo's, and the benchmarks' lock contains both.
$(VENV)/demo.stamp: locks/demo.txt pyproject.toml | $(VENV)/bin/python
	$(INSTALLING)
	$(PIP) install --require-hashes -r locks/demo.txt
	$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/dev.stamp: locks/dev.txt pyproject.toml | $(VENV)/bin/python
	$(INSTALLING)
	$(PIP) install --require-hashes -r locks/dev.txt
	$(PIP) install --no-deps -e .
	@touch $@ $(VENV)/demo.stamp

$(VENV)/bench.stamp: locks/bench.txt pyproject.toml | $(VENV)/bin/python
	$(INSTALLING)
	$(PIP) install --require-hashes -r locks/bench.txt
	$(PIP) install --no-deps -e .
	@touch $@ $(VENV)/dev.stamp $(VENV)/demo.stamp

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "rsvpq needs Python 3.11 to 3.13; say which: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

## locks: write the locks again after a change of the dependencies in pyproject.toml. Needs uv; a version that still fits
##        stays (UPGRADE=1 takes the newest ones). Each lock contains the one before it, at the same versions.
locks:
	$(LOCK) --extra ntlm -o locks/run.txt
	$(LOCK) --extra ntlm --extra embedded -o locks/demo.txt
	$(LOCK) --extra ntlm --extra embedded --group dev -o locks/dev.txt
	$(LOCK) --extra ntlm --extra embedded --group dev --group bench -o locks/bench.txt

## command-files: write the completions and the man pages in deploy/ again after a change of the command line
command-files: $(VENV)/dev.stamp
	$(BIN)/python -m tests.support.command_files

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
