/*-------------------------------------------------------------------------
 *
 * kernel_panel.h
 *		Template of the kernels for sixteen vectors side by side, for kernel
 *		files without forms of their own.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

static void
panel_hamming(const uint8_t *panel, const uint8_t *const *b, int n_b, int n, float *counts)
{
	for (int j = 0; j < n_b; j++)
	{
		int32_t		sums[GV_PANEL_ROWS] = {0};

		for (int i = 0; i < n; i += 4)
		{
			uint8_t		bytes[4] = {0};
			uint32_t	four;

			for (int k = 0; k < 4 && i + k < n; k++)
				bytes[k] = b[j][i + k];
			memcpy(&four, bytes, 4);
			for (int r = 0; r < GV_PANEL_ROWS; r++)
			{
				uint32_t	row;

				memcpy(&row, panel + (size_t) i * GV_PANEL_ROWS + 4 * r, 4);
				sums[r] += __builtin_popcount(row ^ four);
			}
		}
		for (int r = 0; r < GV_PANEL_ROWS; r++)
			counts[j * GV_PANEL_ROWS + r] = (float) sums[r];
	}
}

static void
panel_sums_f32(const float *const *rows, const float *weights, int n, double *sums)
{
	double		sum[GV_PANEL_ROWS];

	memcpy(sum, sums, sizeof(sum));
	for (int i = 0; i < n; i++)
	{
		for (int r = 0; r < GV_PANEL_ROWS; r++)
			sum[r] += (double) rows[i][r] * (double) weights[i];
	}
	memcpy(sums, sum, sizeof(sum));
}

static void
panel_below_f32(const float *x, const float *bounds, int n, uint16_t *below)
{
	for (int j = 0; j < n; j++)
	{
		uint32_t	bits = 0;

		for (int r = 0; r < GV_PANEL_ROWS; r++)
			bits |= (uint32_t) (x[j * GV_PANEL_ROWS + r] < bounds[r]) << r;
		below[j] = (uint16_t) bits;
	}
}
