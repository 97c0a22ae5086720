//! Rotary positions in a config of LLaMA and its descendants.

use serde_json::{Value, json};

use super::super::config::{Config, SIZE};
use crate::document::Cursor;
use crate::error::Error;
use crate::rotary::{Rotary, RotaryScaling};

/// Under which key the scaling of rotary positions stands: newer files have both
/// it and the base in one mapping.
const SCALINGS: [&str; 2] = ["rope_parameters", "rope_scaling"];

/// The rotary embedding, and the length up to which it is this one, where a
/// scaling depends on the length of a sequence.
pub(super) fn read_rotary(config: &Config<'_>) -> Result<(Rotary, Option<usize>), Error> {
    let whole = |cursor: &Cursor<'_>| match cursor.find("partial_rotary_factor") {
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
    let Some(found) = SCALINGS.iter().find_map(|key| config.find(key)) else {
        return Ok((plain, None));
    };
    whole(&found)?;
    let number = |key: &str| found.get(key, "a number")?.number();
    let base = match found.find("rope_theta") {
        Some(found) => found.number()?,
        None => base,
    };
    let mut original = None;
    let kind = match found.find("rope_type") {
        Some(kind) => kind,
        None => found.get("type", "the kind of scaling, as `rope_type` or `type`")?,
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

/// Where a number of the scaling stands.
pub(super) fn scaling_key(config: &Config<'_>, name: &str) -> String {
    let found = SCALINGS.iter().find(|key| config.find(key).is_some());
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
