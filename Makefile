# The checks that a change must pass, and the tools they need.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 5s

.PHONY: build test lint parts unit pages race fuzz bench

build:
	CGO_ENABLED=0 go build -trimpath -o scaivault-audit ./cmd/scaivault-audit

# Everything that CI runs, in the order in which it fails fastest.
test: lint parts unit race

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l .; echo "gofmt: the files above are not formatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go mod tidy -diff

# The object stores and the browser that the tests need, into .parts/.
parts:
	.ci/parts

# All tests, and the seeds of every fuzz target; none is left out.
unit: export SCAIVAULT_TEST_REQUIRE_PARTS = 1
unit:
	go test -timeout 30m ./...

# The pages in a real browser, as in unit; pictures of them stay in .parts/shots.
pages: export SCAIVAULT_TEST_REQUIRE_PARTS = 1
pages: export SCAIVAULT_TEST_SHOTS = $(CURDIR)/.parts/shots
pages: parts
	mkdir -p $(SCAIVAULT_TEST_SHOTS)
	go test -count=1 -v -run '^TestPagesInBrowser$$' ./cmd/scaivault-audit

# The race detector needs a C compiler.
race:
	@command -v gcc >/dev/null || { apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }
	CGO_ENABLED=1 go test -race -short -timeout 40m ./...

# Every fuzz target for FUZZTIME each; not part of test.
fuzz:
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

bench:
	go test -run '^$$' -bench . -benchmem ./...
