# Lectern. `make` lists what there is; CONTRIBUTING.md says more.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The same flags everywhere, or Go compiles client-go once for each spelling of them.
export GOFLAGS := -trimpath -buildvcs=false
export CGO_ENABLED := 0

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lectern
# The tools are built once for each state of their module.
TOOLS := $(CACHE)/tools/$(shell cat hack/tools/go.mod hack/tools/go.sum | sha256sum | cut -c1-12)
PACKAGES := ./...
# The bench is a module of its own: what it measures against is none of the product's requirements.
BENCH := hack/bench
# What runs again on the newest Postgres, as it is shipped, without the race detector: the stores, what starts servers,
# and Lectern as processes.
POSTGRES_PACKAGES := ./internal/store/... ./internal/testenv/... ./test/scenarios/...
# The versions: Debian's, and the newest; or the one asked for. A server that is lent is what it is.
LENT := $(if $(value LECTERN_TEST_DATABASE_URL),yes)
FIRST := $(if $(LENT),,$(or $(PG),15))
SECOND := $(if $(LENT)$(PG),,18)
TEST := go test -shuffle=on -p 2 -timeout 30m
FUZZTIME ?= 30s

##@ Use

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run all of Lectern here until Ctrl-C; ONCE=1 checks it and exits.
	@mkdir -p "$(CACHE)"
	@echo "Building the demo (the first time compiles Kubernetes' client: minutes)."
	@go build -o "$(CACHE)/demo" ./hack/demo
	@exec "$(CACHE)/demo" $(if $(ONCE),-once)

.PHONY: build
build: ## Build bin/lectern.
	go build -o bin/lectern .

##@ Check

.PHONY: test
test: ## Every test with the race detector: on Postgres 15 (or PG), then stores and processes on 18.
	@echo "Getting ready what the tests start (the first time builds it: up to 10 minutes)."
	@KUBEBUILDER_ASSETS=$$(go run ./hack/prepare -postgres "$(FIRST) $(SECOND)"); export KUBEBUILDER_ASSETS; set -x; \
	$(if $(FIRST),PG=$(FIRST) )CGO_ENABLED=1 $(TEST) -race $(PACKAGES); \
	(cd $(BENCH); CGO_ENABLED=1 $(TEST) -race ./...); \
	$(if $(SECOND),PG=$(SECOND) $(TEST) $(POSTGRES_PACKAGES))

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME (30s).
	@for file in $$(grep -rl --include='*_test.go' '^func Fuzz' internal controllers server api hack test); do \
	  for target in $$(grep -oP '^func \KFuzz\w+' "$$file"); do \
	    echo "$$target in $$(dirname "$$file")"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "./$$(dirname "$$file")"; \
	  done; \
	done

.PHONY: bench
bench: ## Measure, and print the table of docs/performance.md.
	go -C $(BENCH) run .

# The files that git knows or would take, without those whose deletion is not staged yet.
present = git ls-files -co --exclude-standard -- $(1) | sort -u | { while IFS= read -r file; do [ ! -e "$$file" ] || echo "$$file"; done; }
# A fingerprint of what is generated and what it is generated from.
STATE = $(call present,api config controllers internal) | xargs sha256sum | sha256sum

.PHONY: verify
verify: tools ## Check that generated files, modules, formatting and lint are as they should be.
	@before=$$($(STATE)); $(MAKE) --no-print-directory generate; after=$$($(STATE)); if [ "$$before" != "$$after" ]; then \
	  echo "Generated files were out of date; they are right now, commit them:"; git status --short; exit 1; fi
	@unformatted=$$($(call present,'*.go') | xargs gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "Not formatted; run 'make fmt':"; echo "$$unformatted"; exit 1; fi
	@$(MAKE) --no-print-directory lint
	@set -x; for module in . $(BENCH); do \
	  go -C $$module vet ./...; go -C $$module mod tidy -diff; go -C $$module mod verify; done

.PHONY: lint
lint: tools ## Run the linters.
	$(TOOLS)/golangci-lint run $(PACKAGES)
	cd $(BENCH) && $(TOOLS)/golangci-lint run ./...

##@ Change

.PHONY: generate
generate: tools ## Generate deep copies, CRD, RBAC and the store's queries.
	$(TOOLS)/controller-gen object paths=./api/...
	$(TOOLS)/controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd
	$(TOOLS)/controller-gen rbac:roleName=lectern-controller paths=./controllers/... output:rbac:artifacts:config=config/rbac
	cd internal/store/postgres && $(TOOLS)/sqlc generate

.PHONY: fmt
fmt: tools ## Format the code.
	$(TOOLS)/golangci-lint fmt

.PHONY: tools
tools: $(TOOLS)/.complete

# sqlc's parser is Postgres's own, in C.
$(TOOLS)/.complete:
	@echo "Building the tools of hack/tools into $(TOOLS): about 10 minutes, once."
	@mkdir -p "$(TOOLS)"
	cd hack/tools && GOBIN="$(TOOLS)" go install sigs.k8s.io/controller-tools/cmd/controller-gen github.com/golangci/golangci-lint/v2/cmd/golangci-lint golang.org/x/perf/cmd/benchstat
	cd hack/tools && GOBIN="$(TOOLS)" CGO_ENABLED=1 go install github.com/sqlc-dev/sqlc/cmd/sqlc
	@touch $@
