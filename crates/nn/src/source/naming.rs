//! Names of tensors as files have them, and as the class would have written them.
//!
//! Wrappers leave parts of their own in names, old files name the two vectors of a norm
//! otherwise, and a model inside another has its name before all of its tensors.

use std::collections::BTreeSet;

use super::layout::Layout;

/// Parts of names that wrappers of PyTorch leave: of a compiled module, and of those that
/// divide one among devices or keep less of it.
const WRAPPERS: [&str; 5] = [
    "_orig_mod",
    "module",
    "_forward_module",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];

/// Last parts of names in files of before 2019, and those of now.
const RENAMED: [(&str, &str); 2] = [("gamma", "weight"), ("beta", "bias")];

/// Ends of names of tensors that are no weights: what a class computes once and keeps.
const BUFFERS: [&str; 5] = [
    "position_ids",
    "token_type_ids",
    "rotary_emb.inv_freq",
    ".attn.bias",
    ".attn.masked_bias",
];

/// Ends of names that quantised weights have beside or instead of `weight`.
const QUANTISED: [&str; 8] = [
    ".qweight",
    ".qzeros",
    ".g_idx",
    ".SCB",
    ".weight_scale",
    ".weight_scale_inv",
    ".weight_packed",
    ".absmax",
];

/// A name without what wrappers left in it, its last part as files have it now.
pub(super) fn plain(name: &str) -> String {
    let parts = name.split('.').filter(|part| !WRAPPERS.contains(part));
    let mut parts: Vec<&str> = parts.collect();
    if let Some(last) = parts.last_mut()
        && let Some((_, now)) = RENAMED.iter().find(|(before, _)| before == last)
    {
        *last = now;
    }
    parts.join(".")
}

/// Whether a tensor of this name is what a class computes and keeps.
pub(super) fn is_buffer(name: &str) -> bool {
    BUFFERS.iter().any(|end| name.ends_with(end))
}

/// Whether a tensor of this name belongs to quantised weights.
pub(super) fn is_quantised(name: &str) -> bool {
    QUANTISED.iter().any(|end| name.ends_with(end))
}

/// What stands before the names of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    /// Name of the model in a larger one, with a dot at its end; empty where there is none.
    pub(super) foreign: String,
    /// The prefix of the class: a class with a head gives its body one.
    pub(super) class: &'static str,
}

/// Which prefix the names of a file have, told by the tensors outside of blocks.
///
/// # Errors
/// The names of two models that the file has, where it has several.
pub(super) fn prefix(layout: &Layout, names: &BTreeSet<&str>) -> Result<Prefix, [String; 2]> {
    for marker in layout.markers() {
        let has = |prefix: &&&str| names.contains(&format!("{prefix}{marker}")[..]);
        if let Some(class) = layout.prefixes().iter().find(has) {
            let foreign = String::new();
            return Ok(Prefix { foreign, class });
        }
    }
    for marker in layout.markers() {
        let before = |name: &&&str| {
            let before = name.strip_suffix(marker)?;
            // Blocks have norms too.
            let is_outer = |part: &str| part.parse::<usize>().is_err();
            (before.ends_with('.') && before.split('.').all(is_outer)).then(|| before.to_owned())
        };
        let mut found = names.iter().filter_map(|name| before(&name));
        if let (Some(before), other) = (found.next(), found.next()) {
            if let Some(other) = other {
                return Err([before, other]);
            }
            let fits = |class: &&&str| !class.is_empty() && before.ends_with(**class);
            let class = layout.prefixes().iter().find(fits).copied().unwrap_or("");
            let foreign = before[..before.len() - class.len()].to_owned();
            return Ok(Prefix { foreign, class });
        }
    }
    Ok(Prefix {
        foreign: String::new(),
        class: layout.body(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn wrappers_and_old_names_are_seen_through() {
        for (name, expected) in [
            ("_orig_mod.wte.weight", "wte.weight"),
            ("module._orig_mod.h.0.ln_1.bias", "h.0.ln_1.bias"),
            (
                "layers.3._fsdp_wrapped_module.mlp.up_proj.weight",
                "layers.3.mlp.up_proj.weight",
            ),
            ("embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"),
            ("embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias"),
            ("model.gamma.weight", "model.gamma.weight"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn a_model_inside_another_is_found_by_its_table() {
        let llama = Layout::of("llama").unwrap();
        let of = |names: &[&'static str]| prefix(llama, &names.iter().copied().collect());
        let found = |foreign: &str, class| {
            let foreign = foreign.to_owned();
            Ok(Prefix { foreign, class })
        };
        assert_eq!(of(&["embed_tokens.weight"]), found("", ""));
        assert_eq!(of(&["model.embed_tokens.weight"]), found("", "model."));
        let inner = ["lm.model.embed_tokens.weight", "lm.lm_head.weight"];
        assert_eq!(of(&inner), found("lm.", "model."));
        assert_eq!(of(&["lm.embed_tokens.weight"]), found("lm.", ""));
        assert_eq!(of(&["model.norm.weight"]), found("", "model."));
        assert_eq!(of(&["model.layers.0.norm.weight"]), found("", "model."));
        let two = of(&["a.embed_tokens.weight", "b.embed_tokens.weight"]);
        assert_eq!(two.unwrap_err(), ["a.", "b."]);
    }
}
