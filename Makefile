# make demo: a small synthetic corpus, from end to end, offline.
# make install: only what the others need, into .venv.
# make test: the tests.
# make lint: style.
# make docs: the site, in site/; runs the synthetic corpus for its pictures first.
# make numbers: which tables of measured numbers in READMEs are older than the code.
# make test-real: the tests on the real corpora and a pretrained network, which SPKR_CORPORA and SPKR_MODELS name.
# make test-slow: the demo's table, the tutorial's pages, and others that take minutes.
# make test-long: the tutorial's notebook, and its pages on real corpora; CI leaves these out.
# make test-faults: the tests that kill jobs, cut files and fill disks; all of them as root.
# make test-slurm: a recipe through a SLURM that is started for it; as root, in a container or in CI, on Debian.
# make test-browser: the HTML report, the site and the server's page in a headless Chromium; as root, on Debian, if it is not installed.
# make image: a Docker image for a processor.
# make tutorial: runs the tutorial's commands, and writes what they print and draw into docs/tutorial and docs/tutorial.ipynb.
# make conf: conf/default.yaml and conf/schema.yaml, from the classes in spkr/config.
# make clean: removes .venv.
# Each installs what it needs into .venv first, once.

PYTHON ?= python3
BIN := .venv/bin
SPLIT := -n 2 --dist loadfile --no-loadscope-reorder  # the long files are not the last ones
INSTALLED := .venv/.installed-$(shell cat requirements.txt pyproject.toml | cksum | tr ' ' -)

.PHONY: help demo test numbers test-real test-slow test-long test-faults test-slurm slurm test-browser browser docs image lint conf tutorial install clean

help:
	@sed -n 's/^# make \([a-z-]*\): /\1\t/p' Makefile | expand -t 16

demo: install
	$(BIN)/snakemake --cores 2 -s Snakefile --config recipe=mini

test: install
	$(BIN)/pytest $(SPLIT) $(PYTEST_ARGS)

test-real: install
	$(BIN)/pytest -m "real and not long" $(SPLIT)

test-slow: install
	$(BIN)/pytest -m "slow and not long" $(SPLIT)

test-long: install
	$(BIN)/pytest -m long

test-faults: install
	$(BIN)/pytest -m faults $(SPLIT) tests/faults

test-slurm: install slurm
	$(BIN)/pytest -m slurm tests/slurm

slurm: install
	$(BIN)/python -m tests.slurm.cluster
	command -v slurmctld > /dev/null || { apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends slurm-wlm munge; }

test-browser: install browser
	$(BIN)/pytest -m browser tests/browser

browser:
	command -v chromium > /dev/null || { apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; }

docs: demo
	$(BIN)/python -m docs.site site

image:
	docker build -t spkr .

conf: install
	$(BIN)/python -m spkr.config.generate conf

tutorial: install
	$(BIN)/python -m docs.executed

lint: install
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile rules recipes && $(BIN)/lint-imports --no-logo

numbers: install
	$(BIN)/python benchmarks/tables.py

install: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("spkr needs Python 3.11 or newer, not %d.%d; name one: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt -e '.[recipes,mini,dev,cluster,docs]'
	rm -f .venv/.installed-*
	touch $@

clean:
	rm -rf .venv
