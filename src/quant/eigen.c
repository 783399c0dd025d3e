/*-------------------------------------------------------------------------
 *
 * eigen.c
 *		Eigenvectors of a symmetric matrix.
 *
 * Reflections bring the matrix to three diagonals, then steps of the QR method
 * with Wilkinson's shift to one.  The vectors are rows here, so that all inner
 * loops go along memory.
 * Source: Golub, Van Loan, Matrix Computations, 2013, sections 8.3.1 to 8.3.3.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "quant/eigen.h"

/* Steps for each eigenvalue, of which two or three are usual */
#define MAX_STEPS 40

/* Beside the diagonal, what is so small against it is zero; or against all there is */
#define SMALL 1e-15
#define TINY 1e-18

/* Rows worked on between checks for interrupts, of so many numbers */
#define NUMBERS_AT_ONCE (1 << 20)

typedef struct Check
{
	void		(*call) (void *arg);
	void	   *arg;
	long		n_left;
} Check;

static void
count_work(Check *check, long n)
{
	check->n_left -= n;
	if (check->n_left > 0)
		return;
	check->n_left = NUMBERS_AT_ONCE;
	if (check->call)
		check->call(check->arg);
}

static double
product(const double *x, const double *y, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * y[i];
	return sum;
}

/*
 * Bring a to three diagonals.
 *
 * The vector of reflection k takes the place of row k of a, right of the
 * diagonal; its factor is factor[k].
 */
static void
make_tridiagonal(double *a, int n, double *diagonal, double *beside, double *factor, double *w,
				 Check *check)
{
	for (int k = 0; k < n - 1; k++)
	{
		double	   *v = a + (size_t) k * n + k + 1;
		int			m = n - k - 1;
		double		norm = sqrt(product(v, v, m));
		double		head = v[0];

		diagonal[k] = a[(size_t) k * n + k];
		beside[k] = norm == 0 ? 0 : (head > 0 ? -norm : norm);
		factor[k] = 0;
		if (norm == 0)
			continue;
		v[0] = head - beside[k];
		factor[k] = 1 / (norm * (norm + fabs(head)));

		/* a - v w^T - w v^T of what is left */
		for (int i = 0; i < m; i++)
			w[i] = factor[k] * product(a + (size_t) (k + 1 + i) * n + k + 1, v, m);
		{
			double		half = factor[k] / 2 * product(w, v, m);

			for (int i = 0; i < m; i++)
				w[i] -= half * v[i];
		}
		for (int i = 0; i < m; i++)
		{
			double	   *row = a + (size_t) (k + 1 + i) * n + k + 1;

			count_work(check, m);
			for (int j = 0; j < m; j++)
				row[j] -= v[i] * w[j] + w[i] * v[j];
		}
	}
	diagonal[n - 1] = a[(size_t) (n - 1) * n + n - 1];
	beside[n - 1] = 0;
}

/* Multiply the reflections; what they turn the unit vectors to are rows of q */
static void
multiply_reflections(const double *a, int n, const double *factor, double *q, Check *check)
{
	memset(q, 0, sizeof(double) * n * n);
	for (int i = 0; i < n; i++)
		q[(size_t) i * n + i] = 1;
	for (int k = n - 2; k >= 0; k--)
	{
		const double *v = a + (size_t) k * n + k + 1;
		int			m = n - k - 1;

		for (int i = k + 1; i < n && factor[k] != 0; i++)
		{
			double	   *row = q + (size_t) i * n + k + 1;
			double		along = factor[k] * product(row, v, m);

			count_work(check, m);
			for (int j = 0; j < m; j++)
				row[j] -= along * v[j];
		}
	}
}

/* A step of the QR method on rows first to last of three diagonals */
static void
step(double *diagonal, double *beside, int first, int last, double *q, int n, Check *check)
{
	double		half = (diagonal[last - 1] - diagonal[last]) / 2;
	double		low = beside[last - 1];
	double		root = hypot(half, low);
	double		shift = diagonal[last] - low * (low / (half + (half < 0 ? -root : root)));
	double		x = diagonal[first] - shift;
	double		z = beside[first];

	for (int k = first; k < last; k++)
	{
		double		r = hypot(x, z);
		double		c = r == 0 ? 1 : x / r;
		double		s = r == 0 ? 0 : z / r;
		double		d = diagonal[k];
		double		next = diagonal[k + 1];
		double		e = beside[k];
		double	   *upper = q + (size_t) k * n;
		double	   *lower = upper + n;

		if (k > first)
			beside[k - 1] = r;
		diagonal[k] = c * c * d + 2 * c * s * e + s * s * next;
		diagonal[k + 1] = s * s * d - 2 * c * s * e + c * c * next;
		beside[k] = (c * c - s * s) * e + c * s * (next - d);
		x = beside[k];
		if (k + 1 < last)
		{
			z = s * beside[k + 1];
			beside[k + 1] *= c;
		}
		count_work(check, n);
		for (int i = 0; i < n; i++)
		{
			double		u = upper[i];

			upper[i] = c * u + s * lower[i];
			lower[i] = c * lower[i] - s * u;
		}
	}
}

/*
 * gv_eigen_symmetric
 *		Find the eigenvalues and eigenvectors of a symmetric matrix.
 *
 * a: double[n][n], finite; destroyed
 * values: double[n], written, in no order
 * vectors: double[n][n], written: row i belongs to value i; orthonormal
 * scratch: double[3 * n]
 * check: called every few milliseconds, and may not return; NULL for none
 *
 * Returns false if it has not come to an end, which is not known to happen.
 */
bool
gv_eigen_symmetric(double *a, int n, double *values, double *vectors, double *scratch,
				   void (*check) (void *arg), void *check_arg)
{
	Check		checking = {check, check_arg, NUMBERS_AT_ONCE};
	double	   *beside = scratch;
	double		largest = 0;
	int			last = n - 1;
	int			n_steps = 0;

	if (n < 1)
		return true;
	make_tridiagonal(a, n, values, beside, scratch + n, scratch + 2 * n, &checking);
	multiply_reflections(a, n, scratch + n, vectors, &checking);
	for (int i = 0; i < n; i++)
		largest = fmax(largest, fabs(values[i]) + fabs(beside[i]));
	while (last > 0)
	{
		int			first = last;

		for (int k = 0; k < last; k++)
		{
			if (fabs(beside[k]) <= SMALL * (fabs(values[k]) + fabs(values[k + 1])) + TINY * largest)
				beside[k] = 0;
		}
		if (beside[last - 1] == 0)
		{
			last--;
			n_steps = 0;
			continue;
		}
		while (first > 0 && beside[first - 1] != 0)
			first--;
		if (n_steps++ == MAX_STEPS)
			return false;
		step(values, beside, first, last, vectors, n, &checking);
	}
	return true;
}
