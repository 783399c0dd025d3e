/*-------------------------------------------------------------------------
 *
 * kernel_int8.h
 *		Template of the kernels for many products of int8, for kernel files
 *		without forms of their own.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

static void
inner_products_i8(const int8_t *a, const int8_t *const *b, int n_b, int n, int32_t *products)
{
	for (int j = 0; j < n_b; j++)
		products[j] = inner_product_i8(a, b[j], n);
}

static void
panel_keys_i8(const GvPanelI8 *panel, const GvPanelOther *others, int n_others, int n,
			  float *keys, uint16_t *near)
{
	for (int j = 0; j < n_others; j++)
	{
		const GvPanelOther *other = &others[j];
		int32_t		products[GV_PANEL_ROWS] = {0};

		for (int i = 0; i < n; i++)
		{
			const uint8_t *bytes = panel->bytes + (size_t) (i / 4) * GV_PANEL_ROWS * 4 + i % 4;

			for (int r = 0; r < GV_PANEL_ROWS; r++)
				products[r] += (bytes[4 * r] - 128) * other->element[i];
		}
		near[j] = 0;
		for (int r = 0; r < GV_PANEL_ROWS; r++)
		{
			float		product = (float) products[r] + (panel->bias[r] + other->bias);
			float		key = (panel->norm2[r] + other->norm2) -
				panel->factor[r] * other->unit * product;

			key = key > 0 ? key : 0;
			keys[j * GV_PANEL_ROWS + r] = key;
			near[j] |= (uint16_t) ((key < panel->bound[r]) << r);
		}
	}
}
