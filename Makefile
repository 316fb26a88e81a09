# `make run` and `make test` are all that a newcomer needs; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help run setup test lint test-sqlite test-postgres e2e prove faults abuse bench bench-scale audit lock messages

PYTHON_BIN := .venv/bin/python

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run:  ## serve NEXO with demo data and simulated agents (HOST, PORT, DEMO=0)
	@bin/install requirements.txt
	@exec $(PYTHON_BIN) -m nexo.launcher

setup:  ## install everything that the checks and tests need into .venv
	@bin/install requirements-dev.txt

test: setup  ## every check and every test, on SQLite, on PostgreSQL and Redis, and in Chromium
	@bin/test

lint: setup  ## style, types, templates, migrations, deployment checks
	@bin/lint

test-sqlite: setup  ## unit and integration tests on SQLite
	@bin/pytest sqlite

test-postgres: setup  ## the same tests on a PostgreSQL and a Redis of their own
	@bin/pytest postgres

e2e: setup  ## the pages in Chromium
	@bin/pytest e2e

prove: setup  ## the long proofs that `make test` leaves out, on SQLite and on PostgreSQL
	@bin/pytest sqlite -m proof
	@bin/pytest postgres -m proof
	@NEXO_MANY_WORKERS=1 bin/pytest sqlite tests/test_many_workers.py
	@NEXO_MANY_WORKERS=1 bin/pytest postgres tests/test_many_workers.py

faults: setup  ## servers and databases killed, stopped, locked under load, for minutes, on both databases
	@bin/pytest sqlite -m faults -s tests/faults
	@bin/pytest postgres -m faults -s tests/faults

abuse: setup  ## every surface against hostile input, for minutes, on both databases; cases by kind
	@bin/pytest sqlite -m abuse tests/abuse
	@bin/pytest postgres -m abuse tests/abuse

bench: setup  ## measure the performance goals against limit servers (docs/benchmarks.md)
	@$(PYTHON_BIN) -m benchmarks

bench-scale: setup  ## make ten million tasks on PostgreSQL (TASKS), read, prune and change them (docs/scale.md)
	@$(PYTHON_BIN) -m benchmarks.scale $(if $(TASKS),--tasks $(TASKS)) $(if $(KEEP),--keep $(KEEP))

audit: setup  ## known weaknesses and licences of all dependencies (asks PyPI's advisories)
	@$(PYTHON_BIN) -m auditing

lock:  ## write requirements*.txt from requirements*.in (needs uv)
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 requirements.in -o requirements.txt
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 requirements-sentry.in -o requirements-sentry.txt
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 requirements-celery.in -o requirements-celery.txt
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 requirements-dev.in -o requirements-dev.txt

# The two lines that are taken out again change with each run, or say nothing.
messages: setup  ## collect the translatable strings and compile the catalogue (needs gettext)
	$(PYTHON_BIN) manage.py makemessages --locale pt_BR --no-obsolete --add-location file --ignore .venv
	sed -i '/^"POT-Creation-Date/d; /^"Report-Msgid-Bugs-To/d' locale/*/LC_MESSAGES/*.po
	$(PYTHON_BIN) manage.py compilemessages --locale pt_BR --ignore .venv
