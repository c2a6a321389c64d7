# The two commands of the README are "make demo" and "make test".

GO      ?= go
BIN     := bin
VAULT   := $(BIN)/vault
RELEASE ?=
LDFLAGS := -s -w $(if $(RELEASE),-X main.release=$(RELEASE))

# Where a Vault was built before: it takes minutes, and only its module matters.
.PHONY: all build demo test bench lint mutate tools vault clean

all: build

build: ## certagent itself, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/certagent ./cmd/certagent

# Neither "go run" nor a shell stands between make and the demonstration: both
# would call Ctrl-C an error. It is built with the flags of certagent itself, so
# that nothing is compiled twice.
demo: build ## nginx serving a fresh certificate every few seconds, until Ctrl-C
	@./scripts/install nginx || true
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/demo ./examples/nginx
	@$(BIN)/demo -certagent $(BIN)/certagent

tools: ## what the tests run beside certagent: nginx, HAProxy, Flask, gunicorn, Java, Node, systemd, strace
	./scripts/install nginx flask strace haproxy gunicorn java node systemd polkit dbus

vault: $(VAULT) ## the real Vault, server and agent, for the tests (some minutes the first time)

$(VAULT): acceptance/vault/go.mod acceptance/vault/go.sum acceptance/vault/main.go
	cd acceptance/vault && CGO_ENABLED=0 $(GO) build -trimpath -tags minimal -ldflags '-s -w' -o ../../$(VAULT) .

test: tools vault build lint ## every test: unit, end to end with nginx and Flask, against the real Vault
	CERTAGENT_REQUIRE_REAL=1 CERTAGENT_VAULT=$(CURDIR)/$(VAULT) $(GO) test -race -timeout 30m -v ./... 2>&1 | ./scripts/testlog

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...

# The package that is mutated, the files of it (a regular expression), and other
# packages whose tests have to notice too.
PKG   ?= ./agent/plan
FILES ?=
TESTS ?=

mutate: $(BIN)/mutate ## mutants that no test of a package notices: make mutate PKG=./agent/plan FILES= TESTS=
	@$(BIN)/mutate -files '$(FILES)' -tests '$(TESTS)' $(PKG)

$(BIN)/mutate: tools/go.mod $(wildcard tools/mutate/*.go)
	cd tools && $(GO) build -o ../$@ ./mutate

bench: build vault $(BIN)/consul-template ## the budgets of BENCHMARKS.md as measured here, beside consul-template and Vault Agent
	$(GO) run ./bench $(BENCH)

$(BIN)/consul-template: bench/consul-template/go.mod bench/consul-template/go.sum
	cd bench/consul-template && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../$@ github.com/hashicorp/consul-template

clean:
	rm -rf $(BIN)
