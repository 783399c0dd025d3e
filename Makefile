# gigavec: vector similarity search for PostgreSQL
#
# make            build the extension          make demo   set up and show it
# make install    install it                   make test   set up and run all tests
# PG_CONFIG=...   choose the PostgreSQL to build for

EXTENSION = gigavec
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" gigavec.control)
MODULE_big = gigavec

OBJS = $(sort $(patsubst %.c,%.o,$(wildcard src/*.c src/base/*.c src/distance/*.c \
	src/type/*.c src/quant/*.c src/gpu/*.c src/am/*.c src/hnsw/*.c)))

SQL_INSTALL = $(sort $(wildcard sql/install/*.sql))
DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA = $(wildcard sql/upgrade/*.sql)

PG_CPPFLAGS = -I$(srcdir)/src -DGV_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -fvisibility=hidden -O3 -fno-math-errno -fno-trapping-math
EXTRA_CLEAN = sql/$(EXTENSION)--$(EXTVERSION).sql

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Debian's PGXS builds LLVM bitcode for the JIT; the kernels gain nothing by it
override with_llvm = no

sql/$(EXTENSION)--$(EXTVERSION).sql: $(SQL_INSTALL)
	{ echo '-- complain if script is sourced in psql, rather than via CREATE EXTENSION'; \
	  echo '\echo Use "CREATE EXTENSION gigavec" to load this file. \quit'; \
	  cat $^; } > $@

# Instruction sets by file: the rest is built for the ABI baseline
ARCH := $(shell $(CC) -dumpmachine)
ifneq (,$(filter x86_64%,$(ARCH)))
src/distance/kernel_avx2.o: CFLAGS += -mavx2 -mfma -mf16c
src/distance/kernel_avx512.o: CFLAGS += -mavx2 -mfma -mf16c -mavx512f -mavx512bw \
	-mavx512dq -mavx512vl -mavx512vnni -mavx512vpopcntdq
endif
