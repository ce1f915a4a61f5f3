# Builds and installs pg_upstream with PGXS:  make [PG_CONFIG=...] [CXX=clang++-14] [TEST_BUILD=1] [SANITIZE=1]
#
# The layers are kept apart by the compiler: src/core and src/http are compiled without Postgres' headers in reach.

MODULE_big = pg_upstream
EXTENSION = pg_upstream
DATA_built = build/pg_upstream--0.1.0.sql
PGFILEDESC = "pg_upstream - local tables in step with upstream REST APIs"

OBJS = $(patsubst %.cpp,%.o,$(sort $(wildcard src/*.cpp src/*/*.cpp)))
EXTRA_CLEAN = $(OBJS:.o=.d)

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))

# Below 16 PGDLLEXPORT is empty, and hidden visibility would hide the entry points too. -Wno-register is for 15's s_lock.h;
# the options of Postgres' own build are gcc's, which clang need not know.
PG_CXXFLAGS = -std=c++20 -Wall -Wextra -Werror -Wno-register -Wno-unknown-warning-option \
	-fvisibility=hidden -fvisibility-inlines-hidden -DPGDLLEXPORT='__attribute__((visibility("default")))' -MMD -MP
PG_CPPFLAGS = -Isrc
# Stop points for tests of faults: see src/pg/stop_point.hpp. Never for production.
ifdef TEST_BUILD
PG_CPPFLAGS += -DUPSTREAM_TEST
endif
SHLIB_LINK = -lcurl -lcrypto -lstdc++
# For script/sanitize. The first finding ends the process.
ifdef SANITIZE
PG_CXXFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SHLIB_LINK += -fsanitize=address,undefined
endif

# Bitcode serves only to inline our functions into expressions compiled at run time, which is of no use here; and its rule ignores
# PG_CXXFLAGS, so that clang would not even know that this is C++20.
override with_llvm := no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Three times as fast to compile; and what is not there cannot be optimized away before it is found.
ifdef SANITIZE
override CXXFLAGS += -O0 -U_FORTIFY_SOURCE
endif

# The server's headers are system headers: the warnings are about our code.
headers := $(filter-out -Isrc -I. -I./,$(filter -I%,$(CPPFLAGS)))
others := $(filter-out -I%,$(CPPFLAGS))
override CPPFLAGS = -Isrc $(layer_headers) $(others)
layer_headers = $(patsubst -I%,-isystem %,$(headers))
src/core/%.o src/http/%.o: layer_headers =

-include $(OBJS:.o=.d)

# The installed script carries the sources that we ship, so that they are there wherever the extension is.
shipped_sources = $(filter-out %.schema.json,$(sort $(wildcard sources/*.json sources/*.sql)))
build/pg_upstream--0.1.0.sql: pg_upstream--0.1.0.sql script/embed-sources $(shipped_sources)
	@mkdir -p build
	script/embed-sources pg_upstream--0.1.0.sql sources >$@.new
	mv $@.new $@

# The schema of source specs, for editors, next to the extension's script.
schema_dir = $(DESTDIR)$(datadir)/extension
install: install-schema
.PHONY: install-schema
install-schema: installdirs
	$(INSTALL_DATA) $(srcdir)/sources/source.schema.json '$(schema_dir)/pg_upstream.source.schema.json'
uninstall: uninstall-schema
.PHONY: uninstall-schema
uninstall-schema:
	rm -f '$(schema_dir)/pg_upstream.source.schema.json'

# The tests of the layer src/pg, in a server of their own; see there.
.PHONY: border
border:
	PG_CONFIG=$(PG_CONFIG) CXX=$(CXX) test/border/run.sh

# The upstream that tests and the demo talk to: see test/upstream/README.md. And the clock that a test sets.
.PHONY: simulator
simulator: build/upstream build/shifted_clock.so
build/shifted_clock.so: test/tap/lib/shifted_clock.cpp
	@mkdir -p $(@D)
	$(CXX) -std=c++20 -O2 -Wall -Wextra -Werror -shared -fPIC $< -o $@
simulator_sources = $(sort $(wildcard test/upstream/*.cpp test/upstream/dialects/*.cpp))
simulator_objects = $(simulator_sources:test/upstream/%.cpp=build/simulator/%.o)
build/upstream: $(simulator_objects)
	$(CXX) $^ -lz -o $@
build/simulator/%.o: test/upstream/%.cpp
	@mkdir -p $(@D)
	$(CXX) -std=c++20 -O2 -Wall -Wextra -Werror -MMD -MP -Itest/upstream -c $< -o $@
-include $(simulator_objects:.o=.d)

# The tests of whole servers: TAP, against the simulator.
.PHONY: tap
tap: simulator
	PG_CONFIG=$(PG_CONFIG) test/tap/run.sh
