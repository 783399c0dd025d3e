# Flags of the kernel files.  Included by the Makefiles that compile them, with
# GV_KERNEL_ARCH set to what $(CC) -dumpmachine prints.
#
# No kernel may fuse a product and a sum unless it says so: some promise results
# that are bit-identical on every machine (distance.h).  Nor may src/quant, where
# codes and centroids are made.
GV_KERNEL_CFLAGS = -ffp-contract=off

ifneq (,$(filter x86_64%,$(GV_KERNEL_ARCH)))
GV_KERNEL_CFLAGS_AVX2 = -mavx2 -mfma -mf16c
GV_KERNEL_CFLAGS_AVX512 = $(GV_KERNEL_CFLAGS_AVX2) -falign-loops=64 -falign-functions=64 -mavx512f -mavx512bw -mavx512dq \
	-mavx512vl -mavx512vbmi -mavx512vnni -mavx512vpopcntdq
endif
