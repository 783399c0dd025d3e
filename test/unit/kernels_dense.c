/*-------------------------------------------------------------------------
 *
 * kernels_dense.c
 *		The float kernels against sums in long double.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

#define MAX_N 16000

typedef enum Kernel
{
	L2_F32, IP_F32, L1_F32, LINF_F32, COSINE_F32,
	L2_F16, IP_F16, L1_F16, LINF_F16, COSINE_F16,
	L2_F32_F16, IP_F32_F16, L2_F32_I8, N_KERNELS
} Kernel;

typedef enum Elem
{
	F32, F16, I8
} Elem;

/* How a kernel is checked */
typedef struct KernelInfo
{
	const char *name;
	Elem		a;				/* element types */
	Elem		b;
	enum
	{
		L2, IP, L1, LINF, COSINE, SCALED_L2
	}			sum;			/* what it computes */
} KernelInfo;

static const KernelInfo infos[N_KERNELS] = {
	[L2_F32] = {"l2_squared_f32", F32, F32, L2},
	[IP_F32] = {"inner_product_f32", F32, F32, IP},
	[L1_F32] = {"l1_f32", F32, F32, L1},
	[LINF_F32] = {"linf_f32", F32, F32, LINF},
	[COSINE_F32] = {"cosine_f32", F32, F32, COSINE},
	[L2_F16] = {"l2_squared_f16", F16, F16, L2},
	[IP_F16] = {"inner_product_f16", F16, F16, IP},
	[L1_F16] = {"l1_f16", F16, F16, L1},
	[LINF_F16] = {"linf_f16", F16, F16, LINF},
	[COSINE_F16] = {"cosine_f16", F16, F16, COSINE},
	[L2_F32_F16] = {"l2_squared_f32_f16", F32, F16, SCALED_L2},
	[IP_F32_F16] = {"inner_product_f32_f16", F32, F16, IP},
	[L2_F32_I8] = {"l2_squared_f32_i8", F32, I8, SCALED_L2},
};

/* Kinds of data; each is filled in by fill() */
typedef enum Data
{
	NORMAL,						/* nearly normal */
	CONSTANT,					/* all rounding errors have one sign */
	CLOSE,						/* b differs from a by little */
	FIRST_LARGE,				/* all but the first vanish in its rounding */
	WIDE,						/* of many magnitudes */
	DENORMAL,
	N_DATA
} Data;

static const char *const data_names[N_DATA] = {
	"normal", "constant", "close", "first large", "wide", "denormal"
};

static size_t
elem_size(Elem type)
{
	return type == F32 ? sizeof(float) : type == F16 ? sizeof(GvHalf) : sizeof(int8_t);
}

/*
 * Store a number as one element, rounded to it.
 */
static void
put(void *array, Elem type, int i, double x)
{
	char	   *p = (char *) array + i * elem_size(type);

	if (type == F32)
	{
		float		f = (float) x;

		memcpy(p, &f, sizeof(f));
	}
	else if (type == F16)
	{
		GvHalf		h = gv_unit_half_nearest(x);

		memcpy(p, &h, sizeof(h));
	}
	else
		*(int8_t *) p = (int8_t) lrint(fmin(fmax(x, -128.0), 127.0));
}

static double
get(const void *array, Elem type, int i)
{
	static double half_values[65536];
	const char *p = (const char *) array + i * elem_size(type);
	float		f;
	GvHalf		h;

	switch (type)
	{
		case F32:
			memcpy(&f, p, sizeof(f));
			return f;
		case F16:
			memcpy(&h, p, sizeof(h));
			if (half_values[h] == 0)
				half_values[h] = gv_unit_half_value(h);
			return half_values[h];
		default:
			return *(const int8_t *) p;
	}
}

/*
 * Two numbers of a kind, in float32 range.
 */
static void
draw(Data data, Elem type, int i, double *a, double *b)
{
	double		denormal = type == F32 ? 0x1p-140 : 0x1p-20;
	double		span = type == F32 ? 8 : 2;

	*a = gv_unit_normal();
	*b = gv_unit_normal();
	switch (data)
	{
		case NORMAL:
		case N_DATA:
			break;
		case CONSTANT:
			*a = 0.7;
			*b = 0.1;
			break;
		case CLOSE:
			*b = *a * (1 + 1e-3 * *b);
			break;
		case FIRST_LARGE:
			/* terms just below half a unit of the first one's last place */
			*a = i < 64 ? 1.0 : 0x1p-12 * 0.99;
			*b = i < 64 ? -1.0 : -0x1p-12 * 0.99;
			break;
		case WIDE:
			*a = ldexp(*a, (int) (span * gv_unit_normal()));
			*b = ldexp(*b, (int) (span * gv_unit_normal()));
			break;
		case DENORMAL:
			*a *= denormal;
			*b *= denormal;
			break;
	}
}

static void
fill(const KernelInfo *info, Data data, void *a, void *b, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		double		x;
		double		y;

		draw(data, info->b == F16 ? F16 : info->a, i, &x, &y);
		put(a, info->a, i, x);
		put(b, info->b, i, info->b == I8 ? 40 * y : y);
	}
}

/*
 * Run a kernel; returns the number of results.
 */
static int
run_kernel(const GvKernels *k, Kernel kernel, const void *a, const void *b,
		   float scale, int n, float *results)
{
	switch (kernel)
	{
		case L2_F32:
			results[0] = k->l2_squared_f32(a, b, n);
			return 1;
		case IP_F32:
			results[0] = k->inner_product_f32(a, b, n);
			return 1;
		case L1_F32:
			results[0] = k->l1_f32(a, b, n);
			return 1;
		case LINF_F32:
			results[0] = k->linf_f32(a, b, n);
			return 1;
		case COSINE_F32:
			k->cosine_f32(a, b, n, results);
			return 3;
		case L2_F16:
			results[0] = k->l2_squared_f16(a, b, n);
			return 1;
		case IP_F16:
			results[0] = k->inner_product_f16(a, b, n);
			return 1;
		case L1_F16:
			results[0] = k->l1_f16(a, b, n);
			return 1;
		case LINF_F16:
			results[0] = k->linf_f16(a, b, n);
			return 1;
		case COSINE_F16:
			k->cosine_f16(a, b, n, results);
			return 3;
		case L2_F32_F16:
			results[0] = k->l2_squared_f32_f16(a, b, scale, n);
			return 1;
		case IP_F32_F16:
			results[0] = k->inner_product_f32_f16(a, b, n);
			return 1;
		case L2_F32_I8:
			results[0] = k->l2_squared_f32_i8(a, b, scale, n);
			return 1;
		default:
			abort();
	}
}

/* The results in long double, with the sums that the bound refers to */
typedef struct Reference
{
	long double results[3];
	long double terms[3];
} Reference;

static Reference
compute_reference(const KernelInfo *info, const void *a, const void *b, float scale, int n)
{
	Reference	ref = {{0, 0, 0}, {0, 0, 0}};
	long double *results = ref.results;
	long double *terms = ref.terms;
	int			i;

	for (i = 0; i < n; i++)
	{
		long double x = get(a, info->a, i);
		long double y = get(b, info->b, i);
		long double d = x - y;

		switch (info->sum)
		{
			case L2:
				results[0] += d * d;
				terms[0] += d * d;
				break;
			case SCALED_L2:
				d = x - scale * y;
				results[0] += d * d;
				d = fabsl(x) + fabsl(scale * y);
				terms[0] += d * d;
				break;
			case IP:
			case COSINE:
				results[0] += x * y;
				terms[0] += fabsl(x * y);
				results[1] += x * x;
				results[2] += y * y;
				terms[1] = results[1];
				terms[2] = results[2];
				break;
			case L1:
				results[0] += fabsl(d);
				terms[0] += fabsl(d);
				break;
			case LINF:
				if (fabsl(d) > results[0])
					terms[0] = results[0] = fabsl(d);
				break;
		}
	}
	return ref;
}

static void
check_bound(const GvKernels *kernels, Kernel kernel, const char *what,
			const void *a, const void *b, float scale, int n, const Reference *ref)
{
	float		results[3];
	int			n_results = run_kernel(kernels, kernel, a, b, scale, n, results);
	int			i;

	for (i = 0; i < n_results; i++)
	{
		/* the second part: a product below the smallest denormal is lost */
		long double bound = 1e-6L * (1 + n / 1000.0L) * ref->terms[i] + n * 0x1p-149L;
		long double error = fabsl(results[i] - ref->results[i]);

		if (!(error <= bound))
			gv_unit_fail("n = %d, %s: result %d is %.9g, not %.9Lg (error %.3Lg, bound %.3Lg)",
						 n, what, i, results[i], ref->results[i], error, bound);
	}
}

/*
 * One length, every kind of data, before a guard page and after one.
 */
static void
check_length(const GvKernels *kernels, Kernel kernel, int n)
{
	const KernelInfo *info = &infos[kernel];
	size_t		size_a = n * elem_size(info->a);
	size_t		size_b = n * elem_size(info->b);
	int			data;
	int			offset;

	for (data = 0; data < N_DATA; data++)
	{
		void	   *a = gv_unit_at_end(0, size_a);
		void	   *b = gv_unit_at_end(1, size_b);
		float		scale = info->b == I8 ? 0.03f : 1.25f;
		Reference	ref;

		fill(info, (Data) data, a, b, n);
		ref = compute_reference(info, a, b, scale, n);
		check_bound(kernels, kernel, data_names[data], a, b, scale, n, &ref);
		if (data != NORMAL)
			continue;
		for (offset = 0; offset < 4; offset++)
		{
			void	   *a2 = gv_unit_at_start(2, size_a, offset * elem_size(info->a));
			void	   *b2 = gv_unit_at_start(3, size_b, (3 - offset) * elem_size(info->b));

			memcpy(a2, a, size_a);
			memcpy(b2, b, size_b);
			check_bound(kernels, kernel, "unaligned", a2, b2, scale, n, &ref);
		}
	}
}

/*
 * gv_unit_test_dense
 *		Every float kernel within its bound.
 */
void
gv_unit_test_dense(const GvKernels *kernels)
{
	static const int long_lengths[] = {
		255, 256, 257, 511, 512, 513, 768, 1023, 1024, 1025, 1536, 2049, 4095, MAX_N
	};
	int			kernel;
	int			n;
	int			i;

	for (kernel = 0; kernel < N_KERNELS; kernel++)
	{
		gv_unit_seed(1);
		gv_unit_begin("%s %s: within the bound, n = 0 to 200, unaligned, before a guard page",
					  kernels->name, infos[kernel].name);
		for (n = 0; n <= 200; n++)
			check_length(kernels, (Kernel) kernel, n);
		gv_unit_end();

		gv_unit_begin("%s %s: within the bound, n = 255 to %d",
					  kernels->name, infos[kernel].name, MAX_N);
		for (i = 0; i < (int) (sizeof(long_lengths) / sizeof(long_lengths[0])); i++)
			check_length(kernels, (Kernel) kernel, long_lengths[i]);
		gv_unit_end();
	}
}

static void
expect(const char *what, int n, float result, float expected)
{
	if (isnan(expected) ? !isnan(result) : result != expected)
		gv_unit_fail("n = %d: %s gives %g, not %g", n, what, result, expected);
}

/*
 * One NaN or infinity at every place of every length to 100, in a and in b.
 */
static void
check_special_value(const GvKernels *kernels, Kernel kernel, double value)
{
	const KernelInfo *info = &infos[kernel];
	int			n;
	int			at;
	int			in_b;

	for (n = 1; n <= 100; n++)
	{
		void	   *a = gv_unit_at_end(0, n * elem_size(info->a));
		void	   *b = gv_unit_at_end(1, n * elem_size(info->b));

		for (at = 0; at < n; at++)
		{
			put(a, info->a, at, 1.0);
			put(b, info->b, at, 1.0);
		}
		for (in_b = 0; in_b <= (info->b == I8 ? 0 : 1); in_b++)
		{
			void	   *array = in_b ? b : a;
			Elem		type = in_b ? info->b : info->a;

			for (at = 0; at < n; at++)
			{
				float		expected = (float) (info->sum == IP || info->sum == COSINE ?
												value : fabs(value));
				float		results[3];

				put(array, type, at, value);
				run_kernel(kernels, kernel, a, b, 1.0f, n, results);
				put(array, type, at, 1.0);
				expect("the value", n, results[0], expected);
				if (info->sum == COSINE)
				{
					expect("sum 1", n, results[1], in_b ? (float) n : (float) fabs(value));
					expect("sum 2", n, results[2], in_b ? (float) fabs(value) : (float) n);
				}
			}
		}
	}
}

/*
 * Infinity in both at one place, and finite numbers too large for a sum.
 */
static void
check_overflow(const GvKernels *kernels, Kernel kernel)
{
	const KernelInfo *info = &infos[kernel];
	int			n;
	int			i;

	for (n = 1; n <= 100; n++)
	{
		void	   *a = gv_unit_at_end(0, n * elem_size(info->a));
		void	   *b = gv_unit_at_end(1, n * elem_size(info->b));
		float		results[3];

		if (info->b != I8)
		{
			for (i = 0; i < n; i++)
			{
				put(a, info->a, i, i == n / 2 ? INFINITY : 1.0);
				put(b, info->b, i, i == n / 2 ? INFINITY : 0.0);
			}
			run_kernel(kernels, kernel, a, b, 1.0f, n, results);
			expect("infinity in both", n, results[0],
				   info->sum == IP || info->sum == COSINE ? INFINITY : NAN);
		}
		if (info->a == F32)
		{
			for (i = 0; i < n; i++)
			{
				put(a, info->a, i, FLT_MAX);
				put(b, info->b, i, info->b == F32 ? -FLT_MAX : -128.0);
			}
			run_kernel(kernels, kernel, a, b, 1.0f, n, results);
			expect("overflow", n, results[0],
				   info->sum == IP || info->sum == COSINE ? -INFINITY : INFINITY);
		}
	}
}

/*
 * gv_unit_test_special
 *		NaN, infinity, overflow, zero vectors and equal vectors.
 */
void
gv_unit_test_special(const GvKernels *kernels)
{
	int			kernel;
	int			n;

	for (kernel = 0; kernel < N_KERNELS; kernel++)
	{
		const KernelInfo *info = &infos[kernel];

		gv_unit_begin("%s %s: NaN in gives NaN out", kernels->name, info->name);
		check_special_value(kernels, (Kernel) kernel, NAN);
		check_special_value(kernels, (Kernel) kernel, -NAN);
		gv_unit_end();

		gv_unit_begin("%s %s: infinity and overflow", kernels->name, info->name);
		check_special_value(kernels, (Kernel) kernel, INFINITY);
		check_special_value(kernels, (Kernel) kernel, -INFINITY);
		check_overflow(kernels, (Kernel) kernel);
		gv_unit_end();

		gv_unit_begin("%s %s: zero vectors and equal vectors", kernels->name, info->name);
		gv_unit_seed(2);
		for (n = 0; n <= 1100; n = n < 200 ? n + 1 : n + 113)
		{
			void	   *a = gv_unit_at_end(0, n * elem_size(info->a));
			void	   *b = gv_unit_at_end(1, n * elem_size(info->b));
			float		results[3] = {-1, -1, -1};
			int			n_results;
			int			i;

			memset(a, 0, n * elem_size(info->a));
			memset(b, 0, n * elem_size(info->b));
			n_results = run_kernel(kernels, (Kernel) kernel, a, b, 1.0f, n, results);
			for (i = 0; i < n_results; i++)
				expect("zero", n, results[i], 0.0f);

			for (i = 0; i < n; i++)
			{
				double		x = info->b == I8 ? rint(40 * gv_unit_normal()) : gv_unit_normal();

				put(b, info->b, i, x);
				put(a, info->a, i, get(b, info->b, i));
			}
			n_results = run_kernel(kernels, (Kernel) kernel, a, b, 1.0f, n, results);
			if (info->sum == COSINE)
			{
				expect("sum 1 of equal vectors", n, results[1], results[0]);
				expect("sum 2 of equal vectors", n, results[2], results[0]);
			}
			else if (info->sum != IP)
				expect("the distance of equal vectors", n, results[0], 0.0f);
		}
		gv_unit_end();
	}
}
