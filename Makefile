# Everything a new user or a scheduler needs. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
BOOK := out/sample.duckdb
REPORT := out/weekly.html
READY := .venv/.ready

.PHONY: report test test-slow bench lint format docs clean

report: $(READY)  ## load the sample company, train, write the weekly report
	@mkdir -p out
	@$(BIN)/salesiq load data/sample --mapping sample --book $(BOOK) --quiet
	@$(BIN)/salesiq weekly --book $(BOOK) --out $(REPORT) --lang zh

test: $(READY) lint  ## lint, types, layers, unit and property tests, doctests, notebooks
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m pytest --nbval-lax --nbval-cell-timeout=300 -p no:cacheprovider notebooks

test-slow: $(READY)  ## what takes minutes: coverage of intervals, scale
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## timings and peak memory, side by side; writes bench/RESULTS.md
	$(BIN)/python -m bench

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## write the generated reference pages
	$(BIN)/python docs/build.py

clean:
	rm -rf .venv out

# The lock names every package with its hash; nothing is resolved or built from the network beyond it.
$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing from requirements.lock ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
