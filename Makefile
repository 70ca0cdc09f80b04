# The README's commands. Everything they need is fetched into .venv and the local Maven repository.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JAR := android-decoder/cli/target/frz.jar
MVN := mvn -B -q -f android-decoder/pom.xml
JAVA_SOURCES := $(shell find android-decoder -name target -prune -o \( -name '*.kt' -o -name '*.java' -o -name pom.xml \) -print)

ABIS ?= arm64-v8a,x86_64
APK := android-decoder/demo/target/frz-demo

.PHONY: demo test test-python test-jvm test-android apk lint bench vectors clean

demo: $(READY) $(JAR) ## encode, inspect and rebuild a real model in Python and on the JVM, and compare
	$(BIN)/python -m demo

test: test-python test-jvm ## all tests, both languages

test-python: $(READY) $(JAR)
	$(BIN)/pytest

test-jvm:
	$(MVN) verify

test-android: $(READY) ## test-jvm, and the demo app started from its APK on the lite interpreter that phones run
	$(BIN)/python android-decoder/demo/assets.py
	$(MVN) -Pandroid -Dabis=$(ABIS) verify

apk: $(READY) ## the demo app, signed and checked; for other processors ABIS=armeabi-v7a
	$(BIN)/python android-decoder/demo/assets.py
	$(MVN) -Pandroid -Dabis=$(ABIS) -pl demo -am package -DskipTests
	cat $(APK).txt

lint: $(READY) ## ruff, mypy --strict, import-linter; Kotlin is linted by `mvn verify`
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) $(JAR) ## the README's table of measured numbers
	$(BIN)/python -m bench

vectors: $(READY) ## make spec/vectors anew
	$(BIN)/python -m tests.vectors

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	$(MVN) clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable ".[train,plot]" --group dev
	touch $@

$(JAR): $(JAVA_SOURCES)
	$(MVN) -pl cli -am package -DskipTests
	touch $@
