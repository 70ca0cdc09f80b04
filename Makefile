# The README's commands. They install everything they need into .venv and the local Maven repository.

PYTHON ?= python3
VENV := .venv
CONSTRAINTS := constraints.txt
GROUP := dev
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NATIVE := $(wildcard frformat/format/coders/compiled/*.[ch])
JAR := android-decoder/cli/target/frz.jar
FUZZED := android-decoder/fuzz/target/classpath.txt
SECONDS ?= 60
MVN := mvn -B -q -f android-decoder/pom.xml
JAVA_SOURCES := $(shell find android-decoder -name target -prune -o \( -name '*.kt' -o -name '*.java' -o -name pom.xml \) -print)

SUITE := build/suite
HOST := java -jar android-decoder/host/target/frz-host.jar
ABIS ?= arm64-v8a,x86_64
NNCODEC := build/nncodec/bin/python
APK := android-decoder/demo/target/frz-demo

.PHONY: suite suite-short demo test test-python test-newest test-oldest test-processors test-install test-jvm test-android apk fuzz fuzz-c lint docs docs-kotlin reference bench techniques vectors clean

demo: $(READY) $(JAR) ## train, encode, inspect and rebuild a small network in Python and on the JVM, and compare
	$(BIN)/python -m demo

test: test-python test-jvm ## all tests, both languages

# One thread in each process, because several processes with several threads each would mostly wait for each other.
test-python: $(READY) $(JAR)
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --durations 15

test-newest: ## test-python with the newest release of every package, in a separate environment
	$(MAKE) VENV=.venv-newest CONSTRAINTS= test-python

test-oldest: ## test-python with the oldest releases that pyproject.toml allows; needs Python 3.11 or 3.10
	$(MAKE) VENV=.venv-oldest CONSTRAINTS=constraints-oldest.txt GROUP=test test-python

test-processors: $(READY) ## the numeric tests with the code paths that libraries use on other processors
	$(BIN)/python -m tests.processors

test-install: $(READY) ## build wheel and sdist, install each into an empty environment, run the README's commands there
	$(BIN)/python -m tests.installed $(INSTALL)

test-jvm:
	$(MVN) --threads 2 verify

test-android: $(READY) ## test-jvm, plus the demo app's APK on the lite interpreter that phones use
	$(BIN)/python android-decoder/demo/assets.py
	$(MVN) --threads 2 -Pandroid -Dabis=$(ABIS) verify
	cat $(APK).txt

apk: $(READY) ## the demo app, signed and checked; ABIS=armeabi-v7a builds it for 32-bit phones
	$(BIN)/python android-decoder/demo/assets.py
	$(MVN) -Pandroid -Dabis=$(ABIS) -pl demo -am package -DskipTests
	cat $(APK).txt

fuzz: $(READY) $(JAR) $(FUZZED) ## coverage-guided fuzzing of both decoders and all checkpoint readers, SECONDS=60 each
	$(BIN)/python -c "import atheris" 2> /dev/null || $(BIN)/pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --group fuzz
	$(BIN)/python -m tests.fuzz.guided --seconds $(SECONDS) $(TARGETS)

$(FUZZED): $(JAVA_SOURCES)
	$(MVN) -Pfuzz -pl fuzz -am package -DskipTests
	touch $@

fuzz-c: ## the compiled coders on random and damaged streams, under the sanitizers of GCC or Clang
	mkdir -p build
	$(CC) -std=c99 -O1 -g -Wall -Wextra -Wconversion -Werror -fsanitize=address,undefined -fno-sanitize-recover=all \
	    -Ifrformat/format/coders/compiled -o build/fuzz tests/format/coders/fuzz.c $(filter-out %module.c,$(filter %.c,$(NATIVE)))
	build/fuzz $(FUZZ)

lint: $(READY) ## ruff, mypy --strict, import-linter; Kotlin is linted by `mvn verify`
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY) ## build the documentation site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

docs-kotlin: reference $(READY) ## build the documentation site including the API reference of the Kotlin libraries
	$(MAKE) docs

# In a run this short, disabling the optimizing compiler saves almost half of the processor time. This compiles some of
# the modules of $(JAR), so the two cannot run at the same time.
reference: $(JAR)
	MAVEN_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=128m" $(MVN) -pl reference -am process-classes dokka:dokka

suite: $(READY) ## the benchmark suite on the JVM: dense and compressed networks on every runtime
	$(BIN)/python android-decoder/benchmark/assets.py -o $(SUITE)/assets
	$(MVN) -pl host -am package -DskipTests
	$(HOST) suite $(SUITE)/assets -o $(SUITE)/report.json --force
	$(BIN)/frformat compare $(SUITE)/report.json --html $(SUITE)/report.html --force

suite-short: $(READY) ## the small networks of the suite; run `make test-android` or `make test-jvm` first
	$(BIN)/python android-decoder/benchmark/assets.py --short -o $(SUITE)/short
	$(HOST) suite $(SUITE)/short --short -o $(SUITE)/short.json --force
	$(BIN)/frformat compare $(SUITE)/short.json --html $(SUITE)/short.html --force

bench: $(READY) $(JAR) ## run the benchmarks behind docs/benchmarks.md
	$(BIN)/python -m bench

techniques: $(READY) $(JAR) $(NNCODEC) ## compare the field's techniques; NETWORKS="digits lenet5 resnet20 unet", all but digits by default
	$(BIN)/pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --group techniques
	NNCODEC_PYTHON=$(NNCODEC) $(BIN)/python -m bench.techniques $(NETWORKS)

# nncodec needs an older NumPy than this project.
$(NNCODEC):
	$(PYTHON) -m venv build/nncodec
	$@ -m pip install --quiet nncodec==2.1.3

vectors: $(READY) ## regenerate spec/vectors and docs/scheduling-vectors.json
	$(BIN)/python -m tests.vectors
	$(BIN)/python -m tests.scheduling.vectors

clean:
	rm -rf $(VENV) build dist *.egg-info frformat/format/coders/compiled/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
	$(MVN) clean

$(READY): pyproject.toml setup.py $(NATIVE) $(CONSTRAINTS)
	@echo "Installing Python packages into $(VENV). On Linux the first run downloads 3.1 GB (6 GB unpacked), because"
	@echo "PyTorch from PyPI includes NVIDIA's libraries there; on other systems it downloads 0.3 GB."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable ".[train,plot,onnx]" --group $(GROUP)
	touch $@

$(JAR): $(JAVA_SOURCES)
	@echo "Building the Kotlin decoder. The first run downloads 0.3 GB through Maven."
	$(MVN) -pl cli -am package -DskipTests
	touch $@
