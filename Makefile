# Lectern. `make` lists what there is; CONTRIBUTING.md says more.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo build up down test scenarios e2e old-helm rollout kills audit soak writes test-argocd test-flux fuzz bench footprint verify lint generate fmt tools image release

# The same flags everywhere, or Go compiles client-go once for each spelling of them.
export GOFLAGS := -trimpath -buildvcs=false
export CGO_ENABLED := 0

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lectern
# The tools are built once for each state of their module.
TOOLS := $(CACHE)/tools/$(shell cat hack/tools/go.mod hack/tools/go.sum | sha256sum | cut -c1-12)
PACKAGES := ./...
# Whole stacks under load, as they are shipped. With the race detector a machine of two processors is busy with the scenarios
# for a quarter of an hour, and answers late, which is why they have a target of their own.
SCENARIOS := ./test/scenarios
STACKS := ./test/rollout $(SCENARIOS)
# The bench, and what makes clusters, are modules of their own: what they need is none of the product's requirements.
BENCH := hack/bench
KIND := hack/kind
# What runs as it is shipped, without the race detector: the stores, what starts servers, Lectern as processes, and what
# measures memory or has more to do than the race detector leaves time for.
SHIPPED_PACKAGES := ./ ./controllers/prompt ./internal/manifest/... ./internal/store/... ./internal/testenv/... $(STACKS)
# The versions: Debian's, and the newest; or the one asked for. A server that is lent is what it is.
LENT := $(if $(value LECTERN_TEST_DATABASE_URL),yes)
FIRST := $(if $(LENT),,$(or $(PG),15))
SECOND := $(if $(LENT)$(PG),,18)
TEST := go test -shuffle=on -p 2 -timeout 30m
# Before a command that starts API servers and databases.
PREPARED = KUBEBUILDER_ASSETS=$$(go run ./hack/prepare -postgres "$(FIRST)"); export KUBEBUILDER_ASSETS; set -x;
FUZZ ?= Fuzz

##@ Use

help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Run all of Lectern here until Ctrl-C; ONCE=1 checks it and exits.
	@mkdir -p "$(CACHE)"
	@echo "Building the demo (the first time compiles Kubernetes' client: minutes)."
	@go build -o "$(CACHE)/demo" ./hack/demo
	@exec "$(CACHE)/demo" $(if $(ONCE),-once)
build: ## Build bin/lectern.
	go build -o bin/lectern .

up: ## Make a kind cluster with Lectern and the sample prompts.
	@hack/kind/up.sh
down: ## Remove the cluster that up made.
	@hack/kind/up.sh down

##@ Check

test: ## Every test: with the race detector on Postgres 15 (or PG), then stores and processes as shipped on 18 (or PG).
	@echo "Getting ready what the tests start (the first time builds it: up to 10 minutes)."
	@KUBEBUILDER_ASSETS=$$(go run ./hack/prepare -postgres "$(FIRST) $(SECOND)"); export KUBEBUILDER_ASSETS; set -x; \
	failed=; \
	$(if $(FIRST),PG=$(FIRST) )CGO_ENABLED=1 $(TEST) -race $$(go list $(PACKAGES) | grep -v $(SCENARIOS:.%=%)) || failed=yes; \
	(cd $(BENCH); CGO_ENABLED=1 $(TEST) -race ./...) || failed=yes; \
	$(addprefix PG=,$(or $(SECOND),$(FIRST))) $(TEST) $(if $(SECOND),$(SHIPPED_PACKAGES),$(STACKS)) || failed=yes; { set +x; } 2>/dev/null; [ -z "$$failed" ] # all three run to the end, so that one run shows all that is wrong
scenarios: ## Whole stacks of processes with the race detector too.
	@$(PREPARED) $(if $(FIRST),PG=$(FIRST) )CGO_ENABLED=1 $(TEST) -race -count=1 -v $(SCENARIOS)
e2e: ## Install the chart into a kind cluster of its own, run test/e2e, record it in docs/e2e.md.
	@hack/kind/e2e.sh
old-helm: ## Compare what Helm 3 renders of the chart with what Helm 4 does (builds Helm 3 once: minutes).
	go test -tags helm3 -run Helm3 ./test/chart
rollout: ## Restart everything in turns, and change passwords, at 200 requests a second: no call fails.
	@$(PREPARED) LECTERN_ROLLOUT=full $(TEST) -count=1 -v -run 'TestRollout|TestPasswordRotation' ./test/rollout
kills: ## Kill the controller, and servers of a folder, 20 times at each step of a connection's exchange, refresh and deletion.
	@$(PREPARED) LECTERN_CONNECTION_KILLS=full $(TEST) -count=1 -v -run 'TestKilledController/connections|TestKilledExchange|TestKilledRefresh' $(SCENARIOS) ./test/localdesk
audit: ## 100,000 calls with Postgres stopped three times and a server killed twice: the audit is what clients know of them.
	@$(PREPARED) LECTERN_AUDIT_CALLS=100000 $(TEST) -count=1 -v -run 'TestLargeStack/the_audit' $(SCENARIOS)
soak: ## Kill tokens of ServiceDesk Plus every few seconds for 12 minutes: never more than 8 refreshes in 10.
	@$(PREPARED) LECTERN_SOAK=full $(TEST) -count=1 -v -run 'TestReleasedStack/a_storm' $(SCENARIOS)
writes: ## Make 10,000 random writes to ServiceDesk Plus while everything fails, and spend plans in every way: nothing is made twice (30 minutes).
	@$(PREPARED) LECTERN_WRITES=full $(TEST) -timeout 1h -count=1 -v -run 'TestAuthenticatedStack/(random_writes|plans)' $(SCENARIOS)
test-argocd: ## Have Argo CD's own programs synchronise prompts (built once, 10 minutes).
test-flux: ## Have Flux's own kustomize-controller apply prompts (built once, 3 minutes).
test-argocd test-flux:
	@$(PREPARED) $(TEST) -shuffle=off -count=1 -v -tags $(@:test-%=%) ./test/$(@:test-%=%)

fuzz: ## Fuzz targets that begin with FUZZ for FUZZTIME: 30s, and 10m what reads the HTML of strangers.
	@for file in $$(grep -rl --include='*_test.go' '^func $(FUZZ)' internal controllers server api hack test); do \
	  for target in $$(grep -oP '^func \K$(FUZZ)\w*' "$$file"); do \
	    time=$(or $(FUZZTIME),$$([ $$target = FuzzToMarkdown ] && echo 10m || echo 30s)); echo "$$target in $$(dirname "$$file") for $$time"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $$time -fuzzminimizetime 10x "./$$(dirname "$$file")"; \
	  done; \
	done

bench: ## Measure, and print the table of docs/performance.md.
	go -C $(BENCH) run .
footprint: ## Hold the memory of controller and server with 10,000 prompts to its bound (half an hour).
	go -C $(BENCH) run . -only footprint

# The files that git knows or would take, without those whose deletion is not staged yet.
present = git ls-files -co --exclude-standard -- $(1) | sort -u | { while IFS= read -r file; do [ ! -e "$$file" ] || echo "$$file"; done; }
# A fingerprint of what is generated and what it is generated from.
STATE = $(call present,api charts config controllers docs/api.md internal) | xargs sha256sum | sha256sum

verify: tools ## Check that generated files, modules, formatting and lint are as they should be.
	@before=$$($(STATE)); $(MAKE) --no-print-directory generate; after=$$($(STATE)); if [ "$$before" != "$$after" ]; then \
	  echo "Generated files were out of date; they are right now, commit them:"; git status --short; exit 1; fi
	@unformatted=$$($(call present,'*.go') | xargs gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "Not formatted; run 'make fmt':"; echo "$$unformatted"; exit 1; fi
	@$(MAKE) --no-print-directory lint
	@set -x; for module in . $(BENCH) $(KIND); do \
	  go -C $$module vet ./...; go -C $$module mod tidy -diff; go -C $$module mod verify; done

lint: tools ## Run the linters.
	$(TOOLS)/golangci-lint run $(PACKAGES)
	cd $(BENCH) && $(TOOLS)/golangci-lint run ./...
	cd $(KIND) && $(TOOLS)/golangci-lint run ./...

##@ Change

generate: tools ## Generate deep copies, CRD, RBAC, the store's queries, the chart's files and docs/api.md.
	$(TOOLS)/controller-gen object paths=./api/...
	$(TOOLS)/controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd
	$(TOOLS)/controller-gen rbac:roleName=lectern-controller paths=./controllers/... output:rbac:artifacts:config=config/rbac
	$(TOOLS)/controller-gen rbac:roleName=lectern-server,fileName=server_role.yaml paths=./internal/access output:rbac:artifacts:config=config/rbac
	cd internal/store/postgres && $(TOOLS)/sqlc generate
	go run ./hack/monitoring
	go run ./hack/chart
	$$(hack/tools/install.sh helm-docs) --chart-search-root=charts --sort-values-order=file --log-level=error
	$$(hack/tools/install.sh crd-ref-docs) --config=hack/apidocs/config.yaml --templates-dir=hack/apidocs --source-path=api/v1alpha1 --renderer=markdown --output-path=docs/api.md --log-level=ERROR

fmt: tools ## Format the code.
	$(TOOLS)/golangci-lint fmt

tools: $(TOOLS)/.complete

# sqlc's parser is Postgres's own, in C.
$(TOOLS)/.complete:
	@echo "Building the tools of hack/tools into $(TOOLS): about 10 minutes, once."
	@mkdir -p "$(TOOLS)"
	cd hack/tools && GOBIN="$(TOOLS)" go install sigs.k8s.io/controller-tools/cmd/controller-gen github.com/golangci/golangci-lint/v2/cmd/golangci-lint golang.org/x/perf/cmd/benchstat
	cd hack/tools && GOBIN="$(TOOLS)" CGO_ENABLED=1 go install github.com/sqlc-dev/sqlc/cmd/sqlc
	@touch $@

##@ Release

IMAGE ?= ghcr.io/lectern-dev/lectern
VERSION ?= dev
image: ## Build the image IMAGE:VERSION.
	@hack/image/build.sh "$(IMAGE):$(VERSION)" "$(VERSION)" $(ARCH)
release: ## Write dist/: programs, charts, manifests, SBOM of VERSION=vX.Y.Z.
	@hack/release/build.sh "$(VERSION)"
