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
const UNSCALED: [&str; 4] = ["rope_theta", SHARE, "rope_type", "type"];

/// Under which keys a class has the base of rotary positions, and the share of each head
/// that they turn, where these do not stand in a mapping.
pub(in super::super) struct RotaryKeys {
    pub(in super::super) base: &'static str,
    pub(in super::super) share: &'static str,
    /// The share where no key says; `None` where it must be 1.
    pub(in super::super) partial: Option<f64>,
}

/// The share, in such a mapping and beside it.
pub(super) const SHARE: &str = "partial_rotary_factor";

/// The rotary embedding, and the length up to which it is this one, where a
/// scaling depends on the length of a sequence.
pub(in super::super) fn read_rotary(
    config: &Config<'_>,
    keys: &RotaryKeys,
    head_width: usize,
) -> Result<(Rotary, Option<usize>), Error> {
    let plain = Rotary {
        base: config.number_or(keys.base, 10_000.0)?,
        scaling: RotaryScaling::None,
        turned: match (config.find(keys.share), keys.partial) {
            (Some(share), partial) => turned(&share, partial.is_some(), head_width)?,
            (None, Some(share)) => turned_by(share, head_width),
            (None, None) => None,
        },
    };
    let mut scalings = SCALINGS.iter().filter_map(|key| config.find(key));
    let Some(found) = scalings.find(|found| !is_empty(found)) else {
        return Ok((plain, None));
    };
    let turned = match found.given(SHARE) {
        Some(share) => turned(&share, keys.partial.is_some(), head_width)?,
        None => plain.turned,
    };
    let (rotary, original) = read_scaling(&found, plain.base)?;
    Ok((Rotary { turned, ..rotary }, original))
}

/// How many features of a head are turned; `None` where all are.
fn turned(share: &Cursor<'_>, partial: bool, head_width: usize) -> Result<Option<usize>, Error> {
    let number = share.number()?;
    let bearable = number == 1.0 || (partial && number > 0.0 && number < 1.0);
    match (bearable, partial) {
        (true, _) => Ok(turned_by(number, head_width)),
        (false, true) => Err(share.unexpected("a number above 0, at most 1")),
        (false, false) => Err(share.unexpected("1 (positions turn whole heads)")),
    }
}

fn turned_by(share: f64, head_width: usize) -> Option<usize> {
    // As there, rounded down.
    (share < 1.0).then_some((share * head_width as f64) as usize)
}

/// A mapping of a scaling, and perhaps a base. Positions turn whole heads.
pub(super) fn read_scaling(
    found: &Cursor<'_>,
    base: f64,
) -> Result<(Rotary, Option<usize>), Error> {
    let number = |key: &str| found.get(key, "a number")?.number();
    let base = match found.given("rope_theta") {
        Some(found) => found.number()?,
        None => base,
    };
    let mut original = None;
    let Some(kind) = kind(found)? else {
        let scaling = RotaryScaling::None;
        return Ok((whole(base, scaling), None));
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
    Ok((whole(base, scaling), original))
}

fn whole(base: f64, scaling: RotaryScaling) -> Rotary {
    Rotary {
        base,
        scaling,
        turned: None,
    }
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
pub(in super::super) fn scaling_key(config: &Config<'_>, name: &str) -> String {
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
pub(in super::super) fn write_scaling(scaling: RotaryScaling) -> Value {
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
