//! Rotary position embeddings.

use serde::{Deserialize, Serialize};

/// Rotary position embedding (Su et al. 2021, "RoFormer"): in a head of width d,
/// position p turns the features i and i + d/2, as a point of the plane, by the
/// angle p f_i, where f_i = base^(-2i/d) before scaling.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotary {
    /// The wavelength of the last pair of features would be 2 pi times this.
    pub base: f64,
    /// Change of the frequencies in networks that are meant for longer sequences than they were
    /// first trained on.
    pub scaling: RotaryScaling,
    /// How many features of a head are turned: the first half of so many, and as many
    /// from the middle of the head on; all where `None`. Then d is this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned: Option<usize>,
}

/// How the frequencies of a rotary position embedding are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RotaryScaling {
    /// Not at all.
    None,
    /// All divided by a factor ("position interpolation", Chen et al. 2023).
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Llama 3.1: wavelengths above `original_positions / low` are divided by
    /// the factor, those below `original_positions / high` stay, and
    /// between them both are mixed.
    Llama3 {
        /// The divisor of low frequencies.
        factor: f64,
        /// Fewest turns in the original length of a frequency that is not
        /// divided wholly.
        low: f64,
        /// Turns in the original length from which on a frequency stays.
        high: f64,
        /// The length that the network was first trained on.
        original_positions: usize,
    },
}

impl Rotary {
    /// The frequencies f_i of a head of this width, in radians per position, the
    /// highest first: half as many as the head has features, 0 for those that stay.
    pub fn frequencies(&self, head_width: usize) -> Vec<f64> {
        let turned = self.turned.unwrap_or(head_width).min(head_width);
        let half = turned / 2;
        let plain = (0..half).map(|i| self.base.powf(-(i as f64) / half as f64));
        let mut all: Vec<f64> = plain.map(|f| self.scaling.scaled(f)).collect();
        all.resize(head_width / 2, 0.0);
        all
    }
}

impl RotaryScaling {
    /// The scaling's name in the project's own files.
    pub fn name(&self) -> &'static str {
        match self {
            RotaryScaling::None => "none",
            RotaryScaling::Linear { .. } => "linear",
            RotaryScaling::Llama3 { .. } => "llama3",
        }
    }

    fn scaled(self, frequency: f64) -> f64 {
        match self {
            RotaryScaling::None => frequency,
            RotaryScaling::Linear { factor } => frequency / factor,
            RotaryScaling::Llama3 {
                factor,
                low,
                high,
                original_positions,
            } => {
                let turns = original_positions as f64 * frequency / std::f64::consts::TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                (1.0 - kept) * frequency / factor + kept * frequency
            }
        }
    }
}
