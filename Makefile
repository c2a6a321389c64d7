# "make help" lists the targets. The README needs two: "make demo" and "make test".

GO      ?= go
BIN     := bin
VAULT   := $(BIN)/vault
RELEASE ?=
LDFLAGS := -s -w $(if $(RELEASE),-X main.release=$(RELEASE))

.PHONY: all build demo test lint mutate fuzz bench tools vault help clean

all: build

build: ## build bin/certagent, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/certagent ./cmd/certagent

# make runs the demonstration directly, for "go run" and a shell would report
# Ctrl-C as an error. It is built with the flags of certagent, so that the
# packages that both need are compiled once.
demo: build ## run nginx with a new certificate every few seconds
	@./scripts/install nginx || true
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/demo ./examples/nginx
	@$(BIN)/demo -certagent $(BIN)/certagent

test: tools vault build lint ## run lint and every test, with real programs and a real Vault
	{ CERTAGENT_REQUIRE_REAL=1 CERTAGENT_VAULT=$(CURDIR)/$(VAULT) $(GO) test -race -timeout 30m -v ./...; \
		cd tools && $(GO) test -race -v ./...; } 2>&1 | ./scripts/testlog

lint: $(BIN)/tools/built ## run gofmt, go vet, staticcheck, deadcode and govulncheck
	@./scripts/lint

# The tools are a module of their own: nothing of theirs is in the product's
# module graph.
$(BIN)/tools/built: tools/go.mod tools/go.sum
	mkdir -p $(BIN)/tools
	cd tools && $(GO) build -o ../$(BIN)/tools/ tool
	touch $@

# The package to mutate, a regular expression for its files, and other packages
# whose tests may notice a mutant.
PKG   ?= ./agent/plan
FILES ?=
TESTS ?=

mutate: $(BIN)/mutate ## find code that no test checks: PKG=./agent/plan FILES= TESTS=
	@$(BIN)/mutate -files '$(FILES)' -tests '$(TESTS)' $(PKG)

$(BIN)/mutate: tools/go.mod $(wildcard tools/mutate/*.go)
	cd tools && $(GO) build -o ../$@ ./mutate

FUZZTIME ?= 1m
FUZZ     ?=

fuzz: ## run every fuzz target, one after the other: FUZZTIME=1m FUZZ=
	@FUZZTIME='$(FUZZTIME)' FUZZ='$(FUZZ)' ./scripts/fuzz

bench: build vault $(BIN)/consul-template ## measure the tables of BENCHMARKS.md (12 minutes)
	$(GO) run ./bench $(BENCH)

$(BIN)/consul-template: bench/consul-template/go.mod bench/consul-template/go.sum
	cd bench/consul-template && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../$@ github.com/hashicorp/consul-template

tools: ## install the programs that the tests run: nginx, HAProxy, Java ...
	./scripts/install nginx flask strace haproxy gunicorn java node systemd polkit dbus

vault: $(VAULT) ## build the real Vault for the tests (takes minutes)

# Vault takes minutes to build, so it is built again only when its module changes.
$(VAULT): acceptance/vault/go.mod acceptance/vault/go.sum acceptance/vault/main.go
	cd acceptance/vault && CGO_ENABLED=0 $(GO) build -trimpath -tags minimal -ldflags '-s -w' -o ../../$(VAULT) .

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

clean: ## remove bin
	rm -rf $(BIN)
