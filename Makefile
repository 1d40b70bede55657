# What can be done here. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup all dist install installcheck lint test test-upgraded test-all test-debian test-containers test-majors demo docs dashboards bench bench-alerts release requirements sbom clean

PYTHON := .venv/bin/python
# Much of the suite waits for servers and clocks, so three tests at once cost little more than one.
export PYTEST_ADDOPTS ?= --numprocesses 3 --dist worksteal

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## install missing Debian packages, and Python tools into .venv
	@scripts/setup

dist: ## build the extension files and plain SQL scripts into dist/
	@python3 scripts/build.py >/dev/null

all: dist

install: dist ## copy the extension files to the server (PG_VERSION=15 or PG_CONFIG=... to choose one, DESTDIR to stage)
	@scripts/install_extension

installcheck: ## run the pgTAP files on the server of the PG* variables, where it is installed (TESTS=... for some)
	@scripts/installcheck $(TESTS)

lint: setup dist ## check Python (ruff, mypy) and SQL (sqlfluff, plpgsql_check)
	@scripts/lint

test: lint ## run lint, then every test (pytest, which runs pg_prove for pgTAP)
	@$(PYTHON) -m pytest

test-upgraded: setup dist ## run every test on installations that were upgraded from the release before
	@GHOSTWATCH_TEST_UPGRADED=1 $(PYTHON) -m pytest $(ARGS)

test-debian: setup ## build the Debian package, install it in a Debian of its own and run installcheck there (root, debootstrap)
	@GHOSTWATCH_TEST_CHROOT=1 $(PYTHON) -m pytest -m chroot $(ARGS)

test-containers: setup dist ## run every test against the images, on PostgreSQL 17 and 18 (starts an engine if need be)
	@$(PYTHON) -m scripts.test_containers $(ARGS)

test-majors: setup dist ## run every test that needs no pg_cron on PostgreSQL 14, 16, 17 and 18
	@$(PYTHON) -m scripts.test_majors $(ARGS)

# Each runs even when one before it fails, so that one run shows everything that is wrong.
test-all: ## run every test on every supported server: test, test-majors and test-containers in full, and the Debian package (hours)
	@failed=; \
	for suite in test test-upgraded test-debian test-majors test-containers; do $(MAKE) $$suite ARGS= || failed="$$failed $$suite"; done; \
	test -z "$$failed" || { echo "test-all: failed:$$failed"; exit 1; }

demo: ## show an incident from signup to message on a throw-away server (KEEP=1 leaves it running)
	@scripts/demo $(if $(KEEP),--keep)

docs: setup ## renew the tables in docs/ that come from the database
	@$(PYTHON) -m scripts.generate_docs

dashboards: setup ## write the dashboards for Grafana to deploy/grafana/dashboards/
	@$(PYTHON) -m scripts.build_dashboards

bench: setup dist ## run every benchmark in tests/bench
	@scripts/bench

bench-alerts: setup dist ## simulate what the rules make of healthy days and of leaks (REPETITIONS=200)
	@$(PYTHON) -m tests.bench.bench_alerts

requirements: ## write scripts/requirements*.txt, with hashes, from the versions in scripts/requirements.in
	@scripts/lock_requirements

sbom: dist ## write the bill of materials of the sidecar (CycloneDX) to dist/ghostwatch.cdx.json
	@scripts/install_sidecar dist/sidecar
	@scripts/write_sbom dist/ghostwatch.cdx.json dist/sidecar

release: setup ## check that everything about a release agrees, and build it into dist/release (ARGS=--freeze before)
	@$(PYTHON) -m scripts.release $(ARGS)

clean: ## remove what was built
	@rm -rf dist src/ghostwatch/sql .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
