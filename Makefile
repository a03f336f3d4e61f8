# Each target sets up what it needs; `make` alone lists them.

PYTHON  ?= python3
RECIPE  ?= recipes/spoken_digits/bilstm.yaml
OUT     ?= runs/$(subst /,-,$(patsubst recipes/%,%,$(basename $(RECIPE))))
RUN     ?= $(OUT)
SAMPLE  ?= $(firstword $(sort $(wildcard data/tiny/*.wav data/tiny/*.flac data/tiny/*/*.wav data/tiny/*/*.flac)))
TESTS   ?= tests
CASES   ?= 1000
NUM     ?= 1
SEED    ?= 1

BIN        := .venv/bin
CRNN_AUDIO := $(BIN)/crnn-audio
TRAIN      := $(if $(PROCESSES),$(BIN)/torchrun --standalone --nproc-per-node $(PROCESSES) -m crnn_audio,$(CRNN_AUDIO)) train

export OMP_WAIT_POLICY := PASSIVE
export UV_PYTHON_DOWNLOADS := never
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup train transcribe generate row table test fuzz lint types layers bench wheel-test clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

setup: .venv/.ready ## make .venv with everything in it; once (PYTHON=python3.12)

train: setup ## train, evaluate and try a recipe (RECIPE=, OUT=, SET="optim.lr=1e-3", MINUTES=, PROCESSES=)
	$(TRAIN) $(RECIPE) --out $(OUT) $(if $(MINUTES),--minutes $(MINUTES)) $(SET)
	$(CRNN_AUDIO) evaluate $(OUT)
	@$(CRNN_AUDIO) show $(OUT) --usage $(SAMPLE) | sed 1q | xargs -r -t $(CRNN_AUDIO)

generate: setup ## write music or text (RUN=, OUT=folder, NUM=10, SET="--condition key=G")
	$(CRNN_AUDIO) generate $(RUN) --out $(OUT) --num $(NUM) $(SET)

transcribe: setup ## transcribe recordings (RUN=, FILES="a.wav b.flac")
	$(if $(FILES),,$(error Say what to transcribe: make transcribe RUN=$(RUN) FILES="a.wav b.flac"))
	$(CRNN_AUDIO) transcribe $(RUN) $(FILES)

row: setup ## make a row of results again and print it beside the recorded one (RECIPE=, SEED=, SET="--fold 2")
	$(BIN)/python -m tests.bench.rows $(RECIPE) --seed $(SEED) $(SET)

table: setup ## write recipes/README.md and the tables of README.md anew from the results.json files
	$(BIN)/python -m tests.bench.rows --table

test: setup ## run the tests (TESTS=tests/unit; CRNN_AUDIO_DATA=folder of corpora)
	$(BIN)/python -m pytest -n 2 -q $(TESTS)

fuzz: setup ## feed a thousand damaged inputs of each kind to the program, let every call to the system fail, and test properties on new examples (CASES=10000)
	CRNN_AUDIO_FUZZ=$(CASES) $(BIN)/python -m pytest -n 2 -q tests/fuzz tests/faults
	CRNN_AUDIO_FUZZ=$(CASES) $(BIN)/python -m pytest -n 2 -q -m hypothesis tests/unit tests/invariants

lint: setup ## check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup ## check types
	$(BIN)/mypy

layers: setup ## check who imports whom
	$(BIN)/lint-imports --no-logo

bench: setup ## measure speed and memory: training, streams, files
	$(BIN)/python -m tests.bench

wheel-test: setup ## try the wheel alone in a clean environment
	bash tests/wheel_test.sh

clean: ## remove what was built; runs, data and .venv stay
	rm -rf build dist *.egg-info .venv-wheel .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find crnn_audio tests -name __pycache__ -prune -exec rm -rf {} +

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "crnn_audio needs Python 3.11, 3.12 or 3.13, but $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv" >&2; \
	  rm -rf .venv; exit 1; }
	@echo "Filling .venv: about 6 GB, most of it PyTorch's"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8,<1'
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q crnn_audio
	@touch $@
