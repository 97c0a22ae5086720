//! Names of network scalars in formulas.

use lpzero_trace::NetworkScalar;

/// Every network scalar with its name.
pub(crate) const SCALARS: [(NetworkScalar, &str); 13] = [
    (NetworkScalar::Loss, "loss"),
    (NetworkScalar::Params, "params"),
    (NetworkScalar::DecoderParams, "decoder_params"),
    (NetworkScalar::AttentionParams, "attention_params"),
    (NetworkScalar::FfnParams, "ffn_params"),
    (NetworkScalar::EmbeddingParams, "embedding_params"),
    (NetworkScalar::Flops, "flops"),
    (NetworkScalar::Layers, "layers"),
    (NetworkScalar::Width, "width"),
    (NetworkScalar::EmbeddingWidth, "embedding_width"),
    (NetworkScalar::Heads, "heads"),
    (NetworkScalar::FfnWidth, "ffn_width"),
    (NetworkScalar::FfnDepth, "ffn_depth"),
];

/// The name of a scalar.
pub(crate) fn scalar_name(scalar: NetworkScalar) -> &'static str {
    SCALARS[scalar as usize].1
}

/// The scalar of this name.
pub(crate) fn scalar_named(name: &str) -> Option<NetworkScalar> {
    let row = SCALARS.iter().find(|(_, known)| *known == name)?;
    Some(row.0)
}
