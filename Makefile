# What one can do here. Each target sets up what it needs first.

SHELL := /bin/sh
BUN := node_modules/.bin/bun

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= /etc/systemd/system
DESTDIR ?=

SOURCES := $(shell find src bench conf handlers scripts -type f 2>/dev/null)

.PHONY: help serve build test check types format bench release install clean

help:
	@echo 'make serve     build, and serve conf/ on http://127.0.0.1:8080 in the foreground'
	@echo 'make test      install what the tests need, and run them all'
	@echo 'make check     types, formatting, and the shape of the tree'
	@echo 'make build     make the executable ./resty'
	@echo 'make bench     time single parts, then compare with nginx and its Lua module, on this machine'
	@echo 'make release   executables for all platforms in dist/, with SHA-256 sums'
	@echo 'make install   put the executable, its configuration and a systemd unit in place'
	@echo '               (PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR) UNITDIR=$(UNITDIR) DESTDIR=$(DESTDIR))'
	@echo 'make types     write the declarations of what handlers import'
	@echo 'make format    format the sources'
	@echo 'make clean     remove what was built'

# npm writes this file when it is done; it is older than the lock file when that has changed since.
node_modules/.package-lock.json: package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js 18 or later, https://nodejs.org' >&2; exit 1; }
	npm ci --no-audit --no-fund
	@# Where npm may not run the scripts of packages, Bun is not in place yet.
	@$(BUN) --version >/dev/null 2>&1 || node node_modules/bun/install.js
	@touch $@

resty: node_modules/.package-lock.json package.json tsconfig.json $(SOURCES)
	$(BUN) scripts/build.ts $@

build: resty

serve: resty
	@echo 'http://127.0.0.1:8080 is served until Ctrl-C; logs are in logs/'
	./resty serve conf/

test: node_modules/.package-lock.json resty
	sh scripts/packages.sh
	$(BUN) scripts/test.ts

check: node_modules/.package-lock.json
	$(BUN) check
	$(BUN) fmt --check
	$(BUN) test test/tidy

# The API that handlers see, as one file of declarations: after a change of src/index.ts and what it exports.
types: node_modules/.package-lock.json
	$(BUN) scripts/types.ts

format: node_modules/.package-lock.json
	$(BUN) fmt

bench: node_modules/.package-lock.json resty
	sh scripts/packages.sh
	$(BUN) bench/micro/main.ts
	$(BUN) bench/peer/run.ts

release: node_modules/.package-lock.json
	$(BUN) scripts/release.ts

# Files of a configuration that is there are kept: what this version ships comes beside them, as NAME.new.
install: resty
	sh scripts/install.sh "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)" "$(UNITDIR)"

clean:
	rm -rf resty resty.map dist .build coverage
