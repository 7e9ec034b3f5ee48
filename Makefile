# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
STAMP  := $(VENV)/.installed
FUZZ   := PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzz.run
NUMERIC := $(addprefix tests/,cue encode losses match media metrics nn train)
# Of these what copies packets, counts frames and writes lists: it costs as much as the rest, and adds up nothing.
COPIED := $(addprefix --ignore=tests/,$(addsuffix .py,$(addprefix cue/test_,edit returned sheet) \
	$(addprefix media/test_,broken clock files mux probe recording streams sync video)))
# Modules are compiled once, and not in each of many processes, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo test test-numerics check fuzz bench bench-quality clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt -e '.[dev,hub,train,ingest,summarize]'
	$(BIN)/storysound models pull embedded demo starter
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python examples/demo.py

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# Tests whose outcome rests on floating point, as the oldest processor computes and as the newest: two machines in one.
test-numerics: $(STAMP)
	$(BIN)/python -m benchmarks.quality.machines $(BIN)/python -m pytest -n 2 $(NUMERIC) $(COPIED)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/check_environment.py
	$(FUZZ) --seconds 60

# Mutated media, captions and tables through probe, index, ingest and score: the same cases everywhere, as time allows.
fuzz: $(STAMP)
	$(FUZZ)

bench: $(STAMP)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.speed.speed

bench-quality: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.quality

clean:
	rm -rf $(VENV) demo build dist
