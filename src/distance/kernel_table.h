/*-------------------------------------------------------------------------
 *
 * kernel_table.h
 *		Template of the table of kernels, included last by each kernel file.
 *
 * Parameters: TABLE_NAME, TABLE_LEVEL, TABLE_LABEL.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

const GvKernels TABLE_NAME = {
	.level = TABLE_LEVEL,
	.name = TABLE_LABEL,
	.l2_squared_f32 = l2_squared_f32,
	.inner_product_f32 = inner_product_f32,
	.l1_f32 = l1_f32,
	.linf_f32 = linf_f32,
	.cosine_f32 = cosine_f32,
	.products_f32 = products_f32,
	.lowest_difference_f32 = lowest_difference_f32,
	.leasts_f32 = leasts_f32,
	.between_f32 = between_f32,
	.columns_l2_squared = columns_l2_squared,
	.columns_l1 = columns_l1,
	.columns_linf = columns_linf,
	.columns_cosine = columns_cosine,
	.boxes_l2_squared = boxes_l2_squared,
	.boxes_l1 = boxes_l1,
	.boxes_linf = boxes_linf,
	.l2_squared_f16 = l2_squared_f16,
	.inner_product_f16 = inner_product_f16,
	.l1_f16 = l1_f16,
	.linf_f16 = linf_f16,
	.cosine_f16 = cosine_f16,
	.l2_squared_f32_f16 = l2_squared_f32_f16,
	.inner_product_f32_f16 = inner_product_f32_f16,
	.l2_squared_f32_i8 = l2_squared_f32_i8,
	.l2_squared_f32_i12 = l2_squared_f32_i12,
	.inner_product_f32_planes = inner_product_f32_planes,
	.inner_product_i8 = inner_product_i8,
	.l2_squared_i8 = l2_squared_i8,
	.inner_products_i8 = inner_products_i8,
	.panel_keys_i8 = panel_keys_i8,
	.panel_hamming = panel_hamming,
	.panel_sums_f32 = panel_sums_f32,
	.panel_below_f32 = panel_below_f32,
	.pool_insert_new = pool_insert_new,
	.hamming = hamming,
	.jaccard = jaccard,
	.f32_to_f16 = f32_to_f16,
	.f16_to_f32 = f16_to_f32,
	.i12_to_f32 = i12_to_f32,
	.i16_to_f32 = i16_to_f32,
	.fastscan = fastscan,
	.fastscan_estimate = fastscan_estimate,
	.sign_code = sign_code,
	.hadamard = hadamard,
};
