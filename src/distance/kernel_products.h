/*-------------------------------------------------------------------------
 *
 * kernel_products.h
 *		Template of the kernel for products of rows with panels of 16 vectors.
 *
 * Included after kernel_dense.h.  Parameters:
 *
 *	PRODUCTS_ROWS		rows of a tile
 *	PRODUCTS_VECS		Vecs of a row of a tile, a multiple of those of a panel
 *	PRODUCTS_LONE_VECS	the same for the tiles of the rows that are left over
 *
 * A tile's sums stay in registers.  The lanes of a Vec belong to different
 * vectors, so that each product is one chain of additions, in the order of the
 * elements, whatever the width of a Vec: the same bits wherever vec_fma fuses.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

#define VECS_PER_PANEL (GV_PRODUCTS_PANEL / VEC_LANES)

/* Elements added up before they go to the total; see the bound in distance.h */
#define PRODUCTS_BLOCK 64

/*
 * n_rows rows and n_vecs Vecs from b on, both known when this is compiled.
 *
 * stride: floats from one row of products to the next
 */
GV_DISTANCE_INLINE void
products_tile(const float *const *a, const int n_rows, const float *b, const int n_vecs,
			  int n, float *products, size_t stride)
{
	int			i = 0;
	bool		is_first = true;

	do
	{
		int			end = n - i > PRODUCTS_BLOCK ? i + PRODUCTS_BLOCK : n;
		Vec			sum[PRODUCTS_ROWS][PRODUCTS_LONE_VECS];

		for (int r = 0; r < n_rows; r++)
		{
			for (int v = 0; v < n_vecs; v++)
				sum[r][v] = vec_zero();
		}
		for (; i < end; i++)
		{
			Vec			y[PRODUCTS_LONE_VECS];

			for (int v = 0; v < n_vecs; v++)
				y[v] = load_f32(b + ((size_t) (v / VECS_PER_PANEL) * n + i) * GV_PRODUCTS_PANEL +
								v % VECS_PER_PANEL * VEC_LANES);
			for (int r = 0; r < n_rows; r++)
			{
				Vec			x = vec_set(a[r][i]);

				for (int v = 0; v < n_vecs; v++)
					sum[r][v] = vec_fma(x, y[v], sum[r][v]);
			}
		}
		for (int r = 0; r < n_rows; r++)
		{
			for (int v = 0; v < n_vecs; v++)
			{
				float	   *out = products + r * stride + v * VEC_LANES;

				vec_store(out, is_first ? sum[r][v] : vec_add(load_f32(out), sum[r][v]));
			}
		}
		is_first = false;
	} while (i < n);
}

/* All panels beside n_rows rows: tiles of n_vecs Vecs, then of one panel */
GV_DISTANCE_INLINE void
products_rows(const float *const *a, const int n_rows, const float *b, int n_panels,
			  const int n_vecs, int n, float *products)
{
	const int	n_wide = n_vecs / VECS_PER_PANEL;
	size_t		stride = (size_t) n_panels * GV_PRODUCTS_PANEL;
	int			p = 0;

	for (; p + n_wide <= n_panels; p += n_wide)
		products_tile(a, n_rows, b + (size_t) p * n * GV_PRODUCTS_PANEL, n_vecs, n,
					  products + p * GV_PRODUCTS_PANEL, stride);
	for (; p < n_panels; p++)
		products_tile(a, n_rows, b + (size_t) p * n * GV_PRODUCTS_PANEL, VECS_PER_PANEL, n,
					  products + p * GV_PRODUCTS_PANEL, stride);
}

/*
 * Panels are taken a few at a time, so that they are in the cache for all rows.
 */
static void
products_f32(const float *const *a, int n_a, const float *b, int n_panels, int n,
			 float *products)
{
	const int	n_wide = PRODUCTS_VECS / VECS_PER_PANEL;
	size_t		stride = (size_t) n_panels * GV_PRODUCTS_PANEL;
	int			n_tiled = n_a / PRODUCTS_ROWS * PRODUCTS_ROWS;
	int			p = 0;

	for (; n_tiled > 0 && p < n_panels;)
	{
		const float *panel = b + (size_t) p * n * GV_PRODUCTS_PANEL;
		float	   *out = products + p * GV_PRODUCTS_PANEL;

		if (p + n_wide <= n_panels)
		{
			for (int r = 0; r < n_tiled; r += PRODUCTS_ROWS)
				products_tile(a + r, PRODUCTS_ROWS, panel, PRODUCTS_VECS, n,
							  out + r * stride, stride);
			p += n_wide;
		}
		else
		{
			for (int r = 0; r < n_tiled; r += PRODUCTS_ROWS)
				products_tile(a + r, PRODUCTS_ROWS, panel, VECS_PER_PANEL, n,
							  out + r * stride, stride);
			p++;
		}
	}
	for (int r = n_tiled; r < n_a; r++)
		products_rows(a + r, 1, b, n_panels, PRODUCTS_LONE_VECS, n, products + r * stride);
}
