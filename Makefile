# Everything that is done with this tree. `make` prints what there is.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
GOLANGCI := v2.15.0
ACTIONLINT := v1.7.12
# The Kafka versions that test-kafka starts: the latest, and the last line
# with ZooKeeper. Each has its POM in test/kafka/.
KAFKAS   ?= 4.3.1 3.9.2
# What is tested on them: all tests that can use other brokers than their own.
ON_KAFKA := ./internal/kafka/... ./internal/scheduler/... ./test/conformance/...
# How long each fuzz target runs.
FUZZTIME ?= 20s

##@ Build

.PHONY: build
build: ## Build bin/belfry; Go writes the checkout's version into it.
	$(GO) build -trimpath -o bin/belfry ./cmd/belfry
	@bin/belfry version

.PHONY: clean
clean: ## Remove what was built and started here, but not the fetched jars.
	find bin -mindepth 1 ! -name '*.sh' -delete
	rm -rf belfry-data test/kafka/target

##@ Test

.PHONY: test
test: ## All tests that need nothing but Go.
	$(GO) test ./...
	$(GO) test -tags synctests $(VIRTUAL)

# The packages whose tests can also run in virtual time: with the tag, the
# Kafka client and the fake broker know testing/synctest.
VIRTUAL := ./internal/kafka/... ./internal/worker/... ./test/virtual/...

.PHONY: race
race: ## The same under the race detector (slow, wants cgo).
	$(GO) test -race ./...
	$(GO) test -race -tags synctests $(VIRTUAL)

# The packages with goroutines of their own. internal/executor is left to
# `race`: its tests wait for real processes and take minutes.
RACED := ./internal/app/... ./internal/broker/... ./internal/kafka/... ./internal/keeper/... ./internal/scheduler/... ./internal/worker/...

.PHONY: race-short
race-short: ## The packages with goroutines under the race detector (some three minutes; wants cgo).
	CGO_ENABLED=1 $(GO) test -race $(RACED)

.PHONY: fuzz
fuzz: ## Each fuzz target for FUZZTIME (20s).
	@grep -rlE '^func Fuzz' --include='*_test.go' internal | while read -r file; do \
	  for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
	    echo "== $$(dirname "$$file") $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null; \
	  done; \
	done

# How many seeds `sim` lives through.
SEEDS ?= 1000

.PHONY: sim
sim: ## SEEDS (1000) simulated worlds full of faults, on all cores; the first that breaks a promise is told.
	$(GO) run ./test/sim -seeds $(SEEDS)

.PHONY: sim-day
sim-day: ## A simulated day of 1,000 jobs.
	$(GO) run ./test/sim -day -seeds 1

.PHONY: sim-traffic
sim-traffic: ## What a worker and a scheduler read and write a second, with 20 to 2,000 workers.
	$(GO) test -count=1 -v -run Traffic ./test/traffic/

.PHONY: virtual-day
virtual-day: ## A day of real schedulers and workers in virtual time, killed and cut off; SEED=7 (nine minutes).
	SPAN=24h $(GO) test -count=1 -tags synctests -timeout 1h -v -run Hours ./test/virtual/ | grep -E 'seed|^(---|ok|FAIL|panic)'

.PHONY: test-kafka
test-kafka: ## Tests on real Kafka: KAFKAS ("4.3.1 3.9.2") one after the other, or BELFRY_TEST_BROKERS.
	@tools/test-kafka "$(KAFKAS)" $(ON_KAFKA)

# The worker that test-worker holds against docs/protocol.md; Belfry's own if empty.
CMD ?=

.PHONY: test-worker
test-worker: ## A worker against docs/protocol.md on real Kafka; CMD="python3 examples/worker-python/worker.py".
	BELFRY_TEST_KAFKA=$(firstword $(KAFKAS)) BELFRY_TEST_WORKER='$(CMD)' $(GO) test -count=1 -timeout 20m -v ./test/worker/

# The folder with openapi-python-client and schemathesis, a virtual environment's bin.
PYTHON_BIN ?= venv/bin

.PHONY: test-api
test-api: ## A client generated from the API's document, and schemathesis; PYTHON_BIN=venv/bin.
	BELFRY_TEST_PYTHON=$(abspath $(PYTHON_BIN)) $(GO) test -count=1 -timeout 20m -v ./test/api/

# What `promises` runs besides the cheap proofs.
PROMISES ?=

.PHONY: promises
promises: ## Run what proves each promise, and rewrite the figures of docs/promises.md; PROMISES=-all for the long ones too.
	$(GO) run ./test/promises $(PROMISES)

.PHONY: soak
soak: ## Ten minutes of load on real Kafka with kills and freezes, judged; SOAK="-for 1h -rate 100".
	$(GO) run ./test/soak $(SOAK)

# The seed of hostile, and for how long it sends.
FOR ?= 10m

.PHONY: hostile
hostile: ## Hostile records to every topic of running members for FOR (10m); SEED=7, KINDS=garbage,stranger.
	SEED=$(SEED) FOR=$(FOR) KINDS=$(KINDS) $(GO) test -count=1 -timeout 3h -v -run NothingThatIsSent ./test/hostile/

.PHONY: test-alerts
test-alerts: ## Real faults on real Kafka, until the page arrives and resolves; BELFRY_ALERTS_BROKERS=1 (half an hour; apt: prometheus prometheus-alertmanager).
	BELFRY_TEST_ALERTS=1 $(GO) test -count=1 -timeout 2h -v -run Alerts ./test/alerts/

.PHONY: test-acls
test-acls: ## What `belfry acls` grants, on a real Kafka with an authorizer.
	BELFRY_TEST_ACLS=1 $(GO) test -count=1 -v ./test/acls/

.PHONY: test-dashboards
test-dashboards: ## Each panel's query against a Prometheus that scrapes Belfry, Kafka and this host; DASHBOARDS=3.9.2 for ZooKeeper's.
	BELFRY_TEST_DASHBOARDS=$(or $(DASHBOARDS),$(firstword $(KAFKAS))) $(GO) test -count=1 -v -run Panels ./test/dashboards/

.PHONY: test-exporters
test-exporters: ## The figures of real brokers and ZooKeepers by deploy/jmx.
	BELFRY_TEST_EXPORTERS=1 $(GO) test -count=1 -v -run Exporters ./test/kafka/

.PHONY: test-cron
test-cron: ## Schedules beside Debian's cron under libfaketime (root; apt: cron libfaketime tzdata).
	BELFRY_TEST_CRON=1 $(GO) test -count=1 -timeout 30m ./test/cron/...

# What test-web and screenshots need: Debian's chromium, or another.
.PHONY: test-web
test-web: ## The pages in headless Chromium (apt: chromium): every screen in light, dark and on a phone, axe, keys, live log.
	BELFRY_TEST_WEB=1 $(GO) test -count=1 -timeout 30m -v -run 'InABrowser|Keys|Asked|TooLate|Live|Up' ./internal/web/ | grep -vE '^(=== |\s+[a-z_]+_test.go.*INFO)'

.PHONY: screenshots
screenshots: ## Make the pictures of docs/web.md anew, in headless Chromium.
	mkdir -p docs/web
	BELFRY_TEST_WEB=1 BELFRY_SCREENSHOTS='$(CURDIR)/docs/web' $(GO) test -count=1 -timeout 10m -v -run Screenshots ./internal/web/

##@ Check

.PHONY: lint
lint: bin/golangci-lint-$(GOLANGCI) ## All rules of .golangci.yml with the pinned golangci-lint, and the workflows.
	$< run ./...
	$(GO) run github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT)

# Built from source the first time, which takes a few minutes: the module
# proxy's checksums are the same that protect all else we build from.
bin/golangci-lint-$(GOLANGCI):
	GOBIN="$(CURDIR)/bin" $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	mv bin/golangci-lint $@

.PHONY: fmt
fmt: bin/golangci-lint-$(GOLANGCI) ## Format all Go files (gofumpt, goimports).
	$< fmt ./...

.PHONY: tidy-check
tidy-check: ## Fail if go.mod or go.sum is not tidy, or a module is not what it was.
	$(GO) mod tidy -diff
	$(GO) mod verify

##@ Try by hand

.PHONY: cluster
cluster: ## Start three Kafka brokers in the background and say where they listen.
	$(GO) run ./test/kafka/cluster up --watched

.PHONY: cluster-down
cluster-down: ## Stop them; data and logs stay in test/kafka/target.
	$(GO) run ./test/kafka/cluster down

.PHONY: observe
observe: ## Prometheus, Alertmanager and a stand-in for PagerDuty beside `make cluster` and Belfry; OBSERVE="--workers host:port,…".
	$(GO) run ./test/observe/run $(OBSERVE)

##@ Ship

# Which images, their tag, and which profile of deploy/compose: full or small.
IMAGES  ?= kafka scheduler server worker pingpong
TAG     ?= dev
PROFILE ?= full
# Compose v2 where it is, else docker-compose 1.29.
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
UP      := TAG=$(TAG) $(COMPOSE) -p belfry -f deploy/compose/compose.yaml --profile $(PROFILE)

.PHONY: images
images: ## Build the images with Docker; IMAGES="scheduler worker" TAG=dev.
	@for target in $(IMAGES); do \
	  DOCKER_BUILDKIT=1 docker build -f deploy/docker/Dockerfile --target $$target -t belfry/$$target:$(TAG) \
	    --build-arg REVISION=$$(git rev-parse HEAD) --build-arg VERSION=$(TAG) .; \
	done

.PHONY: images-local
images-local: ## The same images without an image registry (root; apt: docker.io debootstrap).
	TARGETS="$(IMAGES)" TAG=$(TAG) tools/images-local

.PHONY: up
up: deploy/compose/secrets/session-key ## Start Belfry and Kafka in containers; PROFILE=small for one of each.
	$(UP) up -d

.PHONY: down
down: ## Stop them; DATA=gone removes what they stored too.
	$(UP) down $(if $(filter gone,$(DATA)),-v)

.PHONY: logs
logs: ## Follow the logs of the containers.
	$(UP) logs -f --tail 100

deploy/compose/secrets/session-key:
	head -c 32 /dev/urandom > $@

.PHONY: test-compose
test-compose: ## Containers on a real engine: jobs fire, a scheduler and a broker are killed, nothing is lost.
	BELFRY_TEST_COMPOSE="$(COMPOSE)" $(GO) test -count=1 -timeout 30m -v ./test/compose/

.PHONY: test-pingpong
test-pingpong: ## 10,000 events of ping-pong on real Kafka, with kills.
	BELFRY_TEST_KAFKA=$(firstword $(KAFKAS)) PINGPONG_REQUESTS=10000 $(GO) test -count=1 -timeout 20m -v -run OnKafka ./examples/pingpong/

.PHONY: test-ship
test-ship: ## What is shipped, rendered and checked: charts, scripts, units, workflows, Terraform.
	$(GO) test -count=1 -v ./deploy/...

##@ Measure

.PHONY: bench
bench: ## Belfry beside the raw limit of Kafka, os/exec and itself at other sizes; BENCH="-only runs" for a part, "-short" to try it.
	$(GO) run ./test/bench $(BENCH)

.PHONY: bench-core
bench-core: ## Lateness on real Kafka beside a plain timer, with and without a scheduler's death.
	$(GO) run ./test/bench/core

.PHONY: bench-failover
bench-failover: ## What of a broker's death is felt, on both Kafkas (hours); FAILOVER="-rounds 1 -brokers 1 -faults kill,freeze".
	$(GO) run ./test/failover $(FAILOVER)

.PHONY: bench-schedule
bench-schedule: ## Next due times beside other Go libraries.
	$(GO) -C test/bench/schedule run .

# How many runs bench-history asks of; ten million take ten minutes to make, and
# are kept in BELFRY_BENCH_HISTORY, if that names a folder.
RUNS ?= 1000000

.PHONY: bench-history
bench-history: ## What a server keeps: events folded a second, and questions of RUNS (1000000) runs.
	$(GO) test -run '^$$' -bench Fold -benchtime 1000000x -timeout 1h ./internal/history/
	BELFRY_BENCH_RUNS=$(RUNS) $(GO) test -run '^$$' -bench Questions -benchtime 100x -timeout 3h ./internal/history/

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
