# gigavec: vector similarity search for PostgreSQL
#
# make                build the extension      make demo   set up and show it
# make install        install it               make test   set up and run all tests
# PG_CONFIG=...       choose the PostgreSQL to build for
# make install-vector install it, and once more under the name of pgvector's extension
#
# make lint           floors, exported symbols, sizes      make format-check   the form
# make unitcheck      unit tests of plain C code           make installcheck   SQL tests
#                                                          on the running server
# make check-assert   make test with assertions on
# make stress         the long forms of the tests: many hours
# make coverage       what part of the lines of src/ the tests run
# make bench          all benchmarks beside their peers: hours; MEDIUM=1: a set or two of
#                     each, twenty minutes; SHORT=1: to see that they work
# make check-sanitize unit and SQL tests under the address and undefined behaviour sanitizers

EXTENSION = gigavec
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" gigavec.control)
MODULE_big = gigavec

OBJS = $(sort $(patsubst %.c,%.o,$(wildcard src/*.c src/base/*.c src/distance/*.c \
	src/type/*.c src/quant/*.c src/gpu/*.c src/am/*.c src/hnsw/*.c \
	src/ivf/*.c src/bm25/*.c src/kdtree/*.c src/hybrid/*.c)))

SQL_INSTALL = $(sort $(wildcard sql/install/*.sql))
# Access methods that have filter columns; make fills their names into one file.
# The default of bm25 for a text is to search it.
SQL_FILTERS = sql/filter-classes.sql.in
FILTER_AMS = hnsw ivfflat ivfpq kdtree bm25
FILTER_SED_bm25 = -e 's/\.text_ops\b/.text_filter_ops/g' -e '/text_filter_ops/s/ DEFAULT//'
DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA = $(wildcard sql/upgrade/*.sql)

PG_CPPFLAGS = -I$(srcdir)/src -DGV_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -fvisibility=hidden -O3 -fno-math-errno -fno-trapping-math
EXTRA_CLEAN = sql/$(EXTENSION)--$(EXTVERSION).sql $(OBJS:.o=.d) $(VECTOR_FILES) .built-for

# The same objects as extension "vector", for what was written for pgvector and
# creates it by that name.  Its version says that all of pgvector 0.8 is there;
# the last number is ours, 100 for 0.1.0, beyond any of pgvector's.  Each update of
# ours makes one of it.
vector_version = 0.8.$(shell echo $(1) | awk -F. '{ print 10000 * $$1 + 100 * $$2 + $$3 }')
update_from = $(word 2,$(subst --, ,$(basename $(notdir $(1)))))
update_to = $(word 3,$(subst --, ,$(basename $(notdir $(1)))))
vector_update = sql/vector--$(call vector_version,$(call update_from,$(1)))--$(call vector_version,$(call update_to,$(1))).sql
VECTOR_VERSION := $(call vector_version,$(EXTVERSION))
UPDATES := $(wildcard sql/upgrade/$(EXTENSION)--*--*.sql)
VECTOR_UPDATES := $(foreach file,$(UPDATES),$(call vector_update,$(file)))
VECTOR_FILES := sql/vector.control sql/vector--$(VECTOR_VERSION).sql $(VECTOR_UPDATES)

REGRESS = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
# The expected files are of UTF8, whatever the server has
REGRESS_OPTS = --inputdir=$(srcdir)/test --load-extension=$(EXTENSION) --encoding=UTF8
ISOLATION = $(sort $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation --load-extension=$(EXTENSION)

# These find or install what they need themselves, so that they work on a
# machine without PostgreSQL, where the rest of this file cannot be read
HOUSE_GOALS = test stress bench coverage check-assert check-sanitize demo demo-stop format-check help

ifneq (,$(filter-out $(HOUSE_GOALS),$(or $(MAKECMDGOALS),all)))

# Debian's PGXS builds LLVM bitcode for the JIT; the kernels gain nothing by it
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq (,$(wildcard $(PGXS)))
$(error PostgreSQL's development files were not found: install postgresql-server-dev-NN \
	or set PG_CONFIG to the pg_config of a PostgreSQL that has them, or let "make test" set up)
endif
include $(PGXS)

# What was built for another PostgreSQL is built again
BUILT_FOR := $(strip $(shell $(PG_CONFIG) --version))
ifneq ($(BUILT_FOR),$(strip $(shell cat .built-for 2>/dev/null)))
$(shell echo '$(BUILT_FOR)' >.built-for)
endif
$(OBJS): .built-for

# Rebuild what includes a changed header
ifneq (yes,$(autodepend))
override CPPFLAGS += -MMD -MP
-include $(OBJS:.o=.d)
endif

# PostgreSQL may have been configured for gcc: its flags, its printf checks
ifneq (,$(findstring clang,$(CC)))
override CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument \
	-Wno-ignored-attributes -Wno-cast-function-type-strict -Wno-gnu-variable-sized-type-not-at-end
endif

sql/$(EXTENSION)--$(EXTVERSION).sql: $(SQL_INSTALL) $(SQL_FILTERS) Makefile gigavec.control
	mkdir -p $(@D)
	{ printf '%s\n' '-- complain if script is sourced in psql, rather than via CREATE EXTENSION' \
	    '\echo Use "CREATE EXTENSION gigavec" to load this file. \quit'; \
	  cat $(SQL_INSTALL) /dev/null; \
	  $(foreach am,$(FILTER_AMS),sed -e 's/@am@/$(am)/g' $(FILTER_SED_$(am)) $(SQL_FILTERS);) } > $@

# Instruction sets by file: the rest is built for the ABI baseline
GV_KERNEL_ARCH := $(shell $(CC) -dumpmachine)
include $(srcdir)/src/distance/kernels.mk
$(filter src/distance/% src/quant/%,$(OBJS)): override CFLAGS += $(GV_KERNEL_CFLAGS)
src/distance/kernel_avx2.o: override CFLAGS += $(GV_KERNEL_CFLAGS_AVX2)
src/distance/kernel_avx512.o: override CFLAGS += $(GV_KERNEL_CFLAGS_AVX512)

sql/vector.control: sql/vector.control.in Makefile gigavec.control
	sed -e 's/@version@/$(VECTOR_VERSION)/' $< > $@

# The library is ours even under pgvector's control file
VECTOR_SED = sed -e 's/CREATE EXTENSION gigavec/CREATE EXTENSION vector/' \
	    -e "s:'MODULE_PATHNAME':'\$$libdir/$(MODULE_big)':"

# pgvector cannot be in the way, what else may be is asked first
sql/vector--$(VECTOR_VERSION).sql: sql/$(EXTENSION)--$(EXTVERSION).sql \
		sql/vector.sql.in sql/vector-prerequisites.sql.in
	{ printf '%s\n' '-- complain if script is sourced in psql, rather than via CREATE EXTENSION' \
	    '\echo Use "CREATE EXTENSION vector" to load this file. \quit'; \
	  sed -e '/^BEGIN$$/r sql/vector-prerequisites.sql.in' sql/install/01-prerequisites.sql; \
	  sed -e '/@objects@/,$$d' sql/vector.sql.in; \
	  sed -e '1,/^\$$prerequisites\$$;/d' $<; \
	  sed -e '1,/@objects@/d' sql/vector.sql.in; } | \
	$(VECTOR_SED) > $@

# The update of "vector" that an update of ours makes
define vector_update_rule
$(call vector_update,$(1)): $(1) sql/vector-update.sql.in Makefile
	{ printf '%s\n' '-- complain if script is sourced in psql, rather than via ALTER EXTENSION' \
	    '\echo Use "ALTER EXTENSION vector UPDATE" to load this file. \quit'; \
	  sed -e '/@objects@/,$$$$d' sql/vector-update.sql.in; \
	  sed -e '/^\\echo /d' $$<; \
	  sed -e '1,/@objects@/d' sql/vector-update.sql.in; } | \
	$$(VECTOR_SED) > $$@
endef
$(foreach file,$(UPDATES),$(eval $(call vector_update_rule,$(file))))

vector-files: $(VECTOR_FILES)

# pgvector's files have the same names and stay as they are
VECTOR_FOLDER = $(DESTDIR)$(datadir)/extension
install-vector: install $(VECTOR_FILES)
	@if [ -e '$(DESTDIR)$(pkglibdir)/vector$(DLSUFFIX)' ] || \
	    { [ -e '$(VECTOR_FOLDER)/vector.control' ] && ! grep -q libdir/$(MODULE_big) '$(VECTOR_FOLDER)/vector.control'; }; then \
	    echo 'pgvector is installed here, and its extension has the name "vector": remove it first' >&2; exit 1; fi
	$(INSTALL_DATA) $(VECTOR_FILES) '$(VECTOR_FOLDER)/'

uninstall-vector:
	! grep -qs libdir/$(MODULE_big) '$(VECTOR_FOLDER)/vector.control' || \
	    rm -f $(patsubst sql/%,'$(VECTOR_FOLDER)/%',$(VECTOR_FILES))

# Without the library that name would be of nothing
uninstall: uninstall-vector

.PHONY: install-vector uninstall-vector vector-files

lint: all
	perl test/lint/source.pl .
	perl test/lint/symbols.pl $(MODULE_big)$(DLSUFFIX)

unitcheck:
	$(MAKE) -C test/unit check

endif

format-check:
	perl test/lint/format.pl .

test:
	@test/run

stress:
	@test/run --long

check-assert:
	@test/run --assert

check-sanitize:
	@test/run --sanitize unit regress isolation

bench:
	@bench/make_report $(if $(MEDIUM),--medium) $(if $(SHORT),--short)

coverage:
	@test/run --coverage unit regress isolation tap fuzz

demo:
	@demo/run

demo-stop:
	@demo/run --stop

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

.PHONY: lint unitcheck $(HOUSE_GOALS)
