/*-------------------------------------------------------------------------
 *
 * kernels.c
 *		Nanoseconds a call of each kernel, at every level of this machine.
 *
 * The data stay in the first-level cache: a query against a handful of
 * vectors.  Each figure is the best of many short rounds, in which the levels
 * take turns, because another program on the machine can only make a round
 * slower.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "distance/distance.h"
#include "plain.h"

#define MAX_DIM 1536

/* Bytes of vectors beside the query */
#define POOL_BYTES 18432

/* Calls in a round, and rounds */
#define CALLS 400
#define ROUNDS 400

/* The levels and, after them, the plain loops */
#define PLAIN (GV_SIMD_NEON + 1)
#define N_COLUMNS (PLAIN + 1)

typedef enum Kernel
{
	L2_F32, IP_F32, COSINE_F32, L1_F32, LINF_F32,
	L2_F16, IP_F16, COSINE_F16, L2_F32_F16, IP_F32_F16, L2_F32_I8,
	L2_F32_I12, IP_I8, L2_I8, HAMMING, JACCARD, NARROW, WIDEN,
	FASTSCAN, ESTIMATE, HADAMARD, N_KERNELS
} Kernel;

static const char *const names[N_KERNELS] = {
	"l2_squared_f32", "inner_product_f32", "cosine_f32", "l1_f32", "linf_f32",
	"l2_squared_f16", "inner_product_f16", "cosine_f16", "l2_squared_f32_f16",
	"inner_product_f32_f16", "l2_squared_f32_i8", "l2_squared_f32_i12", "inner_product_i8",
	"l2_squared_i8", "hamming (d bits)", "jaccard (d bits)", "f32_to_f16", "f16_to_f32",
	"fastscan (d / 4 groups)", "fastscan_estimate (d / 4)", "hadamard (2^k >= d)"
};

static float *query;			/* float[MAX_DIM], also read as other types */
static char *pool;				/* POOL_BYTES of vectors */
static char *output;			/* what conversions write */
static float sink;				/* keeps the calls alive */

/*
 * Call a kernel of the table once, on the vector at p.
 */
static void
call_kernel(const GvKernels *k, Kernel kernel, const void *p, int d)
{
	const void *q = query;
	float		sums[3];
	uint64_t	counts[3];

	switch (kernel)
	{
		case L2_F32:
			sink += k->l2_squared_f32(q, p, d);
			break;
		case IP_F32:
			sink += k->inner_product_f32(q, p, d);
			break;
		case COSINE_F32:
			k->cosine_f32(q, p, d, sums);
			sink += sums[0] + sums[1] + sums[2];
			break;
		case L1_F32:
			sink += k->l1_f32(q, p, d);
			break;
		case LINF_F32:
			sink += k->linf_f32(q, p, d);
			break;
		case L2_F16:
			sink += k->l2_squared_f16(q, p, d);
			break;
		case IP_F16:
			sink += k->inner_product_f16(q, p, d);
			break;
		case COSINE_F16:
			k->cosine_f16(q, p, d, sums);
			sink += sums[0] + sums[1] + sums[2];
			break;
		case L2_F32_F16:
			sink += k->l2_squared_f32_f16(q, p, 0.5f, d);
			break;
		case IP_F32_F16:
			sink += k->inner_product_f32_f16(q, p, d);
			break;
		case L2_F32_I8:
			sink += k->l2_squared_f32_i8(q, p, 0.5f, d);
			break;
		case L2_F32_I12:
			sink += k->l2_squared_f32_i12(q, p, 0.5f, d);
			break;
		case IP_I8:
			sink += (float) k->inner_product_i8(q, p, d);
			break;
		case L2_I8:
			sink += (float) k->l2_squared_i8(q, p, d);
			break;
		case HAMMING:
			sink += (float) k->hamming(q, p, d / 8);
			break;
		case JACCARD:
			k->jaccard(q, p, d / 8, counts);
			sink += (float) (counts[0] + counts[1] + counts[2]);
			break;
		case NARROW:
			k->f32_to_f16(p, (GvHalf *) output, d);
			break;
		case WIDEN:
			k->f16_to_f32(p, (float *) output, d);
			break;
		case FASTSCAN:
			k->fastscan(p, q, d / 4, (uint32_t *) output);
			break;
		case ESTIMATE:
			k->fastscan_estimate(p, q, d / 4, p, q, 1, 1, 1, 1, (float *) output);
			break;
		default:
			break;
	}
}

static void
call_plain(Kernel kernel, const void *p, int d)
{
	float		sums[3];

	if (kernel == L2_F32)
		sink += plain_l2_squared(query, p, d);
	else if (kernel == IP_F32)
		sink += plain_inner_product(query, p, d);
	else
	{
		plain_cosine(query, p, d, sums);
		sink += sums[0] + sums[1] + sums[2];
	}
}

/*
 * Bytes of a vector of the pool.
 */
static int
vector_size(Kernel kernel, int d)
{
	if (kernel <= LINF_F32 || kernel == NARROW || kernel == FASTSCAN || kernel == ESTIMATE)
		return 4 * d;
	if (kernel <= IP_F32_F16 && kernel != L2_F32_I8)
		return 2 * d;
	if (kernel == L2_F32_I12)
		return GV_INT12_BYTES(d);
	return kernel == HAMMING || kernel == JACCARD ? d / 8 : kernel == WIDEN ? 2 * d : d;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return 1e9 * (double) t.tv_sec + (double) t.tv_nsec;
}

/*
 * Nanoseconds a call in one round.
 */
static double
time_round(int column, Kernel kernel, int d)
{
	const GvKernels *k = column == PLAIN ? NULL : gv_distance_kernels((GvSimdLevel) column);
	int			size = vector_size(kernel, d);
	int			n = POOL_BYTES / size;
	double		start;
	int			i;
	int			j;

	if (kernel == HADAMARD)
	{
		for (n = 1; n < d;)
			n *= 2;
		memset(output, 0, n * sizeof(float));
		start = now();
		for (i = 0; i < CALLS; i++)
			k->hadamard((float *) output, n);
		return (now() - start) / CALLS;
	}

	start = now();
	for (i = 0; i < CALLS;)
	{
		for (j = 0; j < n && i < CALLS; j++, i++)
		{
			if (k == NULL)
				call_plain(kernel, pool + j * size, d);
			else
				call_kernel(k, kernel, pool + j * size, d);
		}
	}
	return (now() - start) / CALLS;
}

static void
print_kernel(Kernel kernel, int d)
{
	double		best[N_COLUMNS];
	int			round;
	int			column;

	for (column = 0; column < N_COLUMNS; column++)
		best[column] = 0;
	for (round = 0; round < ROUNDS; round++)
	{
		for (column = 0; column < N_COLUMNS; column++)
		{
			double		t;

			if (column == PLAIN ? kernel > COSINE_F32 :
				!gv_distance_level_supported((GvSimdLevel) column))
				continue;
			t = time_round(column, kernel, d);
			if (best[column] == 0 || t < best[column])
				best[column] = t;
		}
	}
	printf("%-26s %5d", names[kernel], d);
	for (column = 0; column < N_COLUMNS; column++)
	{
		if (best[column] == 0)
			printf(" %9s", "-");
		else
			printf(" %9.1f", best[column]);
	}
	printf("\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static const int dims[] = {128, 384, 768, 1536};
	int			kernel;
	int			i;

	gv_distance_init();
	query = aligned_alloc(64, MAX_DIM * sizeof(float));
	pool = aligned_alloc(64, POOL_BYTES);
	output = aligned_alloc(64, 4 * MAX_DIM * sizeof(float));

	/* numbers that are finite and of ordinary size as float32 and as float16 */
	srand(1);
	for (i = 0; i < MAX_DIM; i++)
		((uint32_t *) query)[i] = 0x3c003c00 + (rand() & 0x03ff03ff);
	for (i = 0; i < POOL_BYTES / 4; i++)
		((uint32_t *) pool)[i] = 0x3c003c00 + (rand() & 0x03ff03ff);

	printf("%-26s %5s %9s %9s %9s %9s %9s\n", "ns a call, warm", "d",
		   "scalar", "avx2", "avx512", "neon", "plain");
	for (kernel = 0; kernel < N_KERNELS; kernel++)
	{
		if (argc > 1 && strncmp(names[kernel], argv[1], strlen(argv[1])) != 0)
			continue;
		for (i = 0; i < (int) (sizeof(dims) / sizeof(dims[0])); i++)
			print_kernel((Kernel) kernel, dims[i]);
	}
	if (sink == 1.0f)
		printf("# an unlikely sum\n");
	return 0;
}
