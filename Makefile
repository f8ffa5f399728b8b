# One command per intent. Everything is installed into .venv from the lock files; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test trino lint docs reference airflow lock schema clean pictures test-long bench memory dist api

help:
	@echo "make demo      install, then run the whole way once: API to dashboard (lake/)"
	@echo "make test      install what tests need, then lint, types and every test"
	@echo "make docs      the documentation site, in site/ (part of make test)"
	@echo "make reference write the generated pages of docs/reference/ again"
	@echo "make trino     a real Trino through Maven: every view and check on it and on DuckDB, compared"
	@echo "make airflow   Airflow 3.3 on 127.0.0.1:8080 with the generated DAGs (.airflow/)"
	@echo "make test-long the property tests with many more examples"
	@echo "make bench     ours beside the peers in one run; writes docs/explanation/benchmarks.md (ONLY=--quick, ONLY=check)"
	@echo "make memory    Airflow as docker-compose.yml starts it, a day of 200 sensors, inside 1 GB and less"
	@echo "make api       write api.txt, the public API, again"
	@echo "make schema    write the JSON Schema of conf/ again"
	@echo "make pictures  make the pictures of docs/ again (needs chromium)"
	@echo "make lint      every check of .pre-commit-config.yaml (part of make test)"
	@echo "make dist      the wheel and the sdist, in dist/"
	@echo "make lock      pin every dependency again (needs uv)"
	@echo "make clean     remove .venv, lake, .airflow and caches"

# A lock with hashes is installed first; the project itself then adds nothing.
.venv/installed: requirements.txt setup.cfg
	$(PYTHON) -m venv .venv
	@echo "installing $$(grep -c '^[a-z]' requirements.txt) pinned packages into .venv (a minute or two) ..."
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

.venv/installed-test: requirements-test.txt .venv/installed $(wildcard infra/requirements-spark*.txt) infra/trino/pom.xml
	@echo "installing what the tests need ..."
	$(PIP) --require-hashes -r requirements-test.txt
	@sh infra/install_chromium.sh
	@sh infra/install_java.sh
	@sh infra/install_trino.sh
	@sh infra/install_npm.sh
	@PYTHON=$(BIN)/python sh infra/install_spark.sh
	@touch $@

.venv/installed-docs: infra/requirements-docs.txt .venv/installed
	$(PIP) --require-hashes -r infra/requirements-docs.txt
	@touch $@

demo: .venv/installed
	@$(BIN)/openaq-assets demo

test: .venv/installed-test lint docs
	$(BIN)/openaq-assets test
	$(BIN)/python -m pytest

lint: .venv/installed-test
	@PRE_COMMIT_HOME=.venv/pre-commit $(BIN)/pre-commit run --all-files

# One wheel and one sdist of this commit in dist/; with TAG=v0.2.0 only if that is the version.
dist: .venv/installed-test
	@version=$$($(BIN)/python -c "import openaq_assets; print(openaq_assets.__version__)"); \
		test -z "$(TAG)" || test "$(TAG)" = "v$$version" || { echo "tag $(TAG), but the version is $$version"; exit 1; }
	rm -rf dist build
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation --outdir dist .

docs: .venv/installed-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@! grep -rlE 'src="https?:|<link[^>]* href="https?:' site --include='*.html'  # nothing from the internet
	@echo "site/index.html"

reference: .venv/installed
	@$(BIN)/python -m infra.reference

trino: .venv/installed-test
	@sh infra/install_trino.sh
	$(BIN)/python -m pytest -n 0 tests/trino

test-long: .venv/installed-test
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -m hypothesis tests/graph tests/project tests/plugins \
		tests/promotion tests/platforms/transform tests/airflow/test_factory.py

airflow: .venv/installed
	@$(BIN)/python -m openaq_assets.airflow.standalone --home .airflow --port 8080

schema: .venv/installed
	@$(BIN)/openaq-assets schema --write conf/schema

pictures: .venv/installed-test
	@sh infra/pictures.sh

api: .venv/installed
	@$(BIN)/python -m infra.public_api --write

lock:
	uv pip compile setup.cfg --extra test --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o requirements-test.txt
	uv pip compile setup.cfg -c requirements-test.txt --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o requirements.txt
	uv pip compile infra/docker/requirements.in -c requirements-test.txt --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -q -o infra/docker/requirements.txt
	uv pip compile infra/requirements-docs.in -c requirements-test.txt --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -q -o infra/requirements-docs.txt
	for name in bench bench-dbt bench-sqlmesh bench-dagster; do \
		uv pip compile infra/requirements-$$name.in --universal --python-version 3.11 --generate-hashes --no-strip-extras \
			--no-emit-index-url --no-header --no-annotate -q -o infra/requirements-$$name.txt || exit 1; done

clean:
	rm -rf .venv .venv-spark35 .venv-spark41 .venv-bench .venv-bench-* lake .airflow build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

bench: .venv/installed-test
	@PYTHON=$(BIN)/python sh infra/install_bench.sh
	cd tests && ../$(BIN)/python -m benchmarks $(ONLY)

memory: .venv/installed-test
	@sh infra/install_postgres.sh
	@$(BIN)/python -m infra.memory --limit 1000 --spare 150
	@$(BIN)/python -m infra.memory --limit 700 --swap 1000
