"""Operations that count zero by definition: what works element by element, reduces, normalises, pools or moves data.

An operation that is neither in this list nor counted is refused by name, by both counters of `protocols.cost.macs`.
"""

_OUT_OF_PLACE = frozenset(
    name
    for names in (
        # element by element
        "abs add sub rsub mul div neg pow sqrt rsqrt exp log log1p reciprocal square sign threshold "
        "floor ceil round remainder floor_divide clamp clamp_min clamp_max maximum minimum "
        "relu relu6 leaky_relu elu gelu silu hardtanh hardswish hardsigmoid "
        "sigmoid tanh softplus prelu sin cos where lerp addcmul addcdiv xlogy erf erfc exp2 expm1 log2 log10 atan "
        "atan2 trunc frac fmod mish celu selu glu log_sigmoid log_sigmoid_forward softsign hardshrink softshrink rrelu "
        "outer ger linalg_cross cross "
        "dropout feature_dropout native_dropout bernoulli eq ne lt le gt ge logical_and logical_or logical_not "
        "logical_xor bitwise_and bitwise_or bitwise_not __and__ __or__ isnan isfinite nan_to_num "
        "masked_fill masked_scatter",
        # reductions and scans
        "sum mean amax amin max min argmax argmin prod var std var_mean std_mean norm linalg_vector_norm all any "
        "cumsum cumprod logsumexp count_nonzero topk sort argsort median softmax log_softmax _softmax _log_softmax "
        "_safe_softmax cosine_similarity",
        # normalisation, pooling, resampling; also as torch's dispatcher calls their kernels
        "batch_norm layer_norm group_norm instance_norm native_layer_norm rms_norm avg_pool1d avg_pool2d avg_pool3d "
        "native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training cudnn_batch_norm "
        "native_group_norm _fused_rms_norm _adaptive_avg_pool2d _adaptive_avg_pool3d max_pool3d_with_indices "
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_bilinear2d upsample_linear1d "
        "upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa max_unpool2d "
        "grid_sampler grid_sampler_2d grid_sampler_3d cudnn_grid_sampler affine_grid_generator",
        # movement, shape and creation
        "arange linspace zeros zeros_like ones ones_like full full_like empty empty_like empty_strided new_zeros "
        "new_ones new_full new_empty new_empty_strided scalar_tensor tensor eye zero fill detach clone contiguous "
        "copy to _to_copy type_as cat stack concat "
        "chunk unsafe_chunk split unsafe_split split_with_sizes unbind slice select narrow index index_select "
        "index_put _index_put_impl index_add _unsafe_index "
        "index_copy index_fill gather scatter scatter_add take take_along_dim roll flip repeat "
        "repeat_interleave tile expand expand_as broadcast_tensors permute transpose t numpy_T swapaxes movedim "
        "reshape reshape_as view view_as _unsafe_view _reshape_alias flatten unflatten squeeze unsqueeze unfold "
        "im2col col2im pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d "
        "pixel_shuffle tril triu "
        "nonzero nonzero_numpy bucketize searchsorted one_hot embedding masked_select rand randn randint normal "
        "uniform diagonal diag as_strided alias lift_fresh _shape_as_tensor _local_scalar_dense",
        # numbers of the traced program, not of the network
        "size dim len numel item Int Float Bool ScalarImplicit FloatImplicit IntImplicit is_nonzero device dtype "
        "__getitem__ __contains__ warn",
    )
    for name in names.split()
)
FREE = _OUT_OF_PLACE | {f"{name}_" for name in _OUT_OF_PLACE}
"""Names within ``aten``, those that write into their input included."""
