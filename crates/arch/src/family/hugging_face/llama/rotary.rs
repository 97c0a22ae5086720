//! Rotary positions in a config of LLaMA and its descendants.

use serde_json::{Value, json};

use super::super::config::{Config, SIZE};
use crate::document::{Cursor, Node};
use crate::error::Error;
use crate::rotary::{Rotary, RotaryScaling};

/// Under which key the scaling of rotary positions stands: newer files have both
/// it and the base in one mapping.
const SCALINGS: [&str; 2] = ["rope_parameters", "rope_scaling"];

/// Keys of such a mapping that scale nothing.
const UNSCALED: [&str; 4] = ["rope_theta", "partial_rotary_factor", "rope_type", "type"];

/// The rotary embedding, and the length up to which it is this one, where a
/// scaling depends on the length of a sequence.
pub(super) fn read_rotary(config: &Config<'_>) -> Result<(Rotary, Option<usize>), Error> {
    let whole = |cursor: &Cursor<'_>| match cursor.given("partial_rotary_factor") {
        Some(share) if share.number()? != 1.0 => {
            Err(share.unexpected("1 (positions turn whole heads)"))
        }
        _ => Ok(()),
    };
    whole(config.0)?;
    let base = config.number_or("rope_theta", 10_000.0)?;
    let plain = Rotary {
        base,
        scaling: RotaryScaling::None,
    };
    let mut scalings = SCALINGS.iter().filter_map(|key| config.find(key));
    let Some(found) = scalings.find(|found| !is_empty(found)) else {
        return Ok((plain, None));
    };
    whole(&found)?;
    let number = |key: &str| found.get(key, "a number")?.number();
    let base = match found.given("rope_theta") {
        Some(found) => found.number()?,
        None => base,
    };
    let mut original = None;
    let Some(kind) = kind(&found)? else {
        let scaling = RotaryScaling::None;
        return Ok((Rotary { base, scaling }, None));
    };
    let scaling = match kind.text()? {
        "default" => RotaryScaling::None,
        // Beyond the length of training the base grows with the sequence; up to
        // it, it is what it was.
        "dynamic" => {
            let key = "original_max_position_embeddings";
            original = found.find(key).map(|found| found.size()).transpose()?;
            RotaryScaling::None
        }
        "linear" => RotaryScaling::Linear {
            factor: number("factor")?,
        },
        "llama3" => RotaryScaling::Llama3 {
            factor: number("factor")?,
            low: number("low_freq_factor")?,
            high: number("high_freq_factor")?,
            original_positions: found
                .get("original_max_position_embeddings", SIZE)?
                .size()?,
        },
        _ => return Err(kind.unexpected("default, linear, dynamic or llama3")),
    };
    Ok((Rotary { base, scaling }, original))
}

/// Whether a scaling is a mapping without keys: nothing is scaled.
fn is_empty(scaling: &Cursor<'_>) -> bool {
    matches!(scaling.node(), Node::Map(entries) if entries.is_empty())
}

/// The kind of scaling; `None` where nothing is scaled, as in a mapping that has the base
/// alone.
fn kind<'a>(scaling: &Cursor<'a>) -> Result<Option<Cursor<'a>>, Error> {
    if let Some(kind) = scaling.given("rope_type").or_else(|| scaling.given("type")) {
        return Ok(Some(kind));
    }
    let mut entries = scaling.entries()?.into_iter();
    match entries.all(|(key, _)| UNSCALED.contains(&key)) {
        true => Ok(None),
        false => (scaling.get("type", "the kind of scaling, as `rope_type` or `type`")).map(Some),
    }
}

/// Where a number of the scaling stands.
pub(super) fn scaling_key(config: &Config<'_>, name: &str) -> String {
    let is_full = |key: &str| config.find(key).is_some_and(|found| !is_empty(&found));
    let found = SCALINGS.iter().find(|key| is_full(key));
    let name = match name {
        "low" => "low_freq_factor",
        "high" => "high_freq_factor",
        "original_positions" => "original_max_position_embeddings",
        _ => name,
    };
    format!("{}.{name}", found.unwrap_or(&"rope_scaling"))
}

/// Value of `rope_scaling` in a config; null where nothing is scaled.
pub(super) fn write_scaling(scaling: RotaryScaling) -> Value {
    match scaling {
        RotaryScaling::None => Value::Null,
        RotaryScaling::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
        RotaryScaling::Llama3 {
            factor,
            low,
            high,
            original_positions,
        } => json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": low,
            "high_freq_factor": high,
            "original_max_position_embeddings": original_positions,
        }),
    }
}
