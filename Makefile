# The README's commands. Everything they need is fetched into .venv and the local Maven repository.

PYTHON ?= python3
VENV := .venv
CONSTRAINTS := constraints.txt
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NATIVE := $(wildcard frformat/format/coders/compiled/*.[ch])
JAR := android-decoder/cli/target/frz.jar
FUZZED := android-decoder/fuzz/target/classpath.txt
SECONDS ?= 60
MVN := mvn -B -q -f android-decoder/pom.xml
JAVA_SOURCES := $(shell find android-decoder -name target -prune -o \( -name '*.kt' -o -name '*.java' -o -name pom.xml \) -print)

ABIS ?= arm64-v8a,x86_64
APK := android-decoder/demo/target/frz-demo

.PHONY: demo test test-python test-newest test-oldest test-processors test-install test-jvm test-android apk fuzz fuzz-c lint docs bench vectors clean

demo: $(READY) $(JAR) ## encode, inspect and rebuild a real model in Python and on the JVM, and compare
	$(BIN)/python -m demo

test: test-python test-jvm ## all tests, both languages

test-python: $(READY) $(JAR)
	$(BIN)/pytest

test-newest: ## test-python with the newest release of every package, in an environment of its own
	$(MAKE) VENV=.venv-newest CONSTRAINTS= test-python

test-oldest: ## test-python with the oldest releases that pyproject.toml allows; needs Python 3.11 or 3.10
	$(MAKE) VENV=.venv-oldest CONSTRAINTS=constraints-oldest.txt test-python

test-processors: $(READY) ## the numeric tests with the code that libraries have for other processors
	$(BIN)/python -m tests.processors

test-install: $(READY) ## build wheel and sdist, install each into an empty environment, run the README's commands there
	$(BIN)/python -m tests.installed $(INSTALL)

test-jvm:
	$(MVN) verify

test-android: $(READY) ## test-jvm, and the demo app started from its APK on the lite interpreter that phones run
	$(BIN)/python android-decoder/demo/assets.py
	$(MVN) -Pandroid -Dabis=$(ABIS) verify

apk: $(READY) ## the demo app, signed and checked; for other processors ABIS=armeabi-v7a
	$(BIN)/python android-decoder/demo/assets.py
	$(MVN) -Pandroid -Dabis=$(ABIS) -pl demo -am package -DskipTests
	cat $(APK).txt

fuzz: $(READY) $(JAR) $(FUZZED) ## coverage-guided fuzzing of both decoders and of all readers of checkpoints, SECONDS=60 each
	$(BIN)/python -c "import atheris" 2> /dev/null || $(BIN)/pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --group fuzz
	$(BIN)/python -m tests.fuzz.guided --seconds $(SECONDS) $(TARGETS)

$(FUZZED): $(JAVA_SOURCES)
	$(MVN) -Pfuzz -pl fuzz -am package -DskipTests
	touch $@

fuzz-c: ## the compiled coders on random and damaged streams, with the sanitizers of GCC or Clang
	mkdir -p build
	$(CC) -std=c99 -O1 -g -Wall -Wextra -Wconversion -Werror -fsanitize=address,undefined -fno-sanitize-recover=all \
	    -Ifrformat/format/coders/compiled -o build/fuzz tests/format/coders/fuzz.c $(filter-out %module.c,$(filter %.c,$(NATIVE)))
	build/fuzz $(FUZZ)

lint: $(READY) ## ruff, mypy --strict, import-linter; Kotlin is linted by `mvn verify`
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY) ## the site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: $(READY) $(JAR) ## the README's table of measured numbers
	$(BIN)/python -m bench

vectors: $(READY) ## make spec/vectors and docs/scheduling-vectors.json anew
	$(BIN)/python -m tests.vectors
	$(BIN)/python -m tests.scheduling.vectors

clean:
	rm -rf $(VENV) build dist *.egg-info frformat/format/coders/compiled/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
	$(MVN) clean

$(READY): pyproject.toml setup.py $(NATIVE) $(CONSTRAINTS)
	@echo "Installing Python packages into $(VENV). The first time this fetches 3.1 GB on Linux, 6 GB unpacked, since"
	@echo "PyTorch from PyPI brings NVIDIA's libraries there; elsewhere it fetches 0.3 GB."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable ".[train,plot]" --group dev
	touch $@

$(JAR): $(JAVA_SOURCES)
	@echo "Building the Kotlin decoder. The first time Maven fetches 0.3 GB."
	$(MVN) -pl cli -am package -DskipTests
	touch $@
