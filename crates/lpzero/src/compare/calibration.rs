//! How sure the shipped proxy is, learnt on public ground truths.
//!
//! The fit takes the scores of all their networks, which takes minutes. So what comes of
//! it is kept in `calibration.json`, which the example `calibrate` writes.

use lpzero_arch::{Architecture, Kind};
use lpzero_proxy::Evaluator;
use lpzero_stats::Bootstrap;
use lpzero_stats::calibration::{Bin, Evidence, probability, slope, slope_interval};
use lpzero_stats::{SameSize, TOLERANCE};
use lpzero_truth::GroundTruth;
use serde::{Deserialize, Serialize};

use crate::study::source;
use crate::{Error, Networks, Pass, Proxy, Workbench};

/// Name of the proxy that is calibrated.
pub const SHIPPED: &str = "lpzero";

/// What the count is that calibrations are compared with.
const COUNT: &str = "decoder_params";

/// Half the width of a 95 % interval, in standard errors.
const WIDTH: f64 = 1.96;

/// A logistic curve for the proxy [`SHIPPED`], and what it was learnt on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The formula: a calibration is of one.
    pub formula: String,
    /// Steepness k of `1 / (1 + exp(-k ln(a / b)))`.
    pub slope: f64,
    /// Bootstrap standard error of the slope, over architectures.
    pub standard_error: f64,
    /// Standard deviation of the logarithm of a score between seeds.
    pub noise: f64,
    /// By how much #Params of a pair may differ.
    pub tolerance: f64,
    /// Least tokens of a pass.
    pub tokens: usize,
    /// Fewest and most #Params of the networks in pairs.
    pub params: [f64; 2],
    /// Mean over ground truths of the Brier score of this very curve.
    pub brier: f64,
    /// The ground truths.
    pub truths: Vec<CalibratedOn>,
}

/// A ground truth that a calibration was learnt on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibratedOn {
    /// Name.
    pub truth: String,
    /// Pairs of like size.
    pub pairs: usize,
    /// Share of them that the proxy orders right.
    pub same_size: f64,
}

/// A probability with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Probability {
    /// The probability.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Probability {
    /// Whether the interval lies on one side of one half.
    pub fn tells(&self) -> bool {
        self.low > 0.5 || self.high < 0.5
    }
}

impl Calibration {
    /// The calibration of the shipped proxy, as it was when it was made.
    pub fn shipped() -> Self {
        serde_json::from_str(include_str!("calibration.json"))
            .expect("the calibration in the source reads, as a test shows")
    }

    /// Why the scores of this proxy cannot be turned into probabilities; `None` where they
    /// can.
    pub fn refuses(&self, proxy: &Proxy, pass: &Pass) -> Option<String> {
        if text(proxy) != self.formula {
            let name = &proxy.name;
            return Some(match name == SHIPPED {
                true => format!("the calibration is of {}, an older {SHIPPED}", self.formula),
                false => format!("{name} is not calibrated; only {SHIPPED} is"),
            });
        }
        let tokens = pass.batch.saturating_mul(pass.positions);
        if tokens < self.tokens {
            let least = self.tokens;
            return Some(format!(
                "calibrated on passes of {least} tokens or more, not of {tokens}"
            ));
        }
        (pass.objective).map(|_| "calibrated with the loss of each family alone".to_owned())
    }

    /// Whether it is for networks of this kind: it was learnt on decoders.
    pub fn is_for(&self, architecture: &Architecture) -> bool {
        architecture.kind == Kind::Decoder
    }

    /// The probability that the first of two of like size is better, by the logarithm of the
    /// ratio of their scores.
    ///
    /// The interval holds the error of the slope, by the bootstrap, and that of the two
    /// scores, which move with initialisation and minibatch.
    pub fn probability(&self, log_ratio: f64) -> Probability {
        let by_slope = log_ratio * self.standard_error;
        let by_scores = self.slope * self.noise * std::f64::consts::SQRT_2;
        let margin = WIDTH * by_slope.hypot(by_scores);
        let exponent = self.slope * log_ratio;
        Probability {
            value: probability(self.slope, log_ratio),
            low: probability(1.0, exponent - margin),
            high: probability(1.0, exponent + margin),
        }
    }
}

/// The formula whose larger values are better. One that only ranks alike has other ratios.
fn text(proxy: &Proxy) -> String {
    match proxy.sign {
        1 => proxy.formula.to_string(),
        _ => format!("-({})", proxy.formula),
    }
}

/// Scores of a proxy, and its count, on ground truths: what a calibration is learnt from.
#[derive(Clone, Debug)]
pub struct Learning {
    proxy: Proxy,
    tokens: usize,
    names: Vec<String>,
    by_proxy: Vec<Evidence>,
    by_count: Vec<Evidence>,
    noises: Vec<f64>,
    params: [f64; 2],
}

/// A curve learnt on all ground truths but one, and how well it does on that one.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// The ground truth that took no part.
    pub truth: String,
    /// Slope from the others.
    pub slope: f64,
    /// Brier score on the one left out.
    pub brier: f64,
    /// Brier score there of decoder parameters, calibrated the same way.
    pub brier_count: f64,
    /// Predicted and observed shares there.
    pub reliability: Vec<Option<Bin>>,
}

impl Learning {
    /// Runs every network of the ground truths twice, with the seed of the workbench and
    /// the next one.
    ///
    /// # Errors
    /// Networks that cannot be run, and scores that are not positive.
    pub fn new(workbench: &Workbench, truths: &[GroundTruth]) -> Result<Self, Error> {
        let proxy = Proxy::parse(SHIPPED)?;
        let asked = [proxy.clone(), Proxy::parse(COUNT)?, Proxy::parse("params")?];
        let again = workbench
            .clone()
            .with_seed(workbench.seed().wrapping_add(1));
        let pass = workbench.pass();
        let mut learning = Self {
            proxy,
            tokens: pass.batch.saturating_mul(pass.positions),
            names: Vec::new(),
            by_proxy: Vec::new(),
            by_count: Vec::new(),
            noises: Vec::new(),
            params: [f64::INFINITY, f64::NEG_INFINITY],
        };
        for truth in truths {
            let networks = Networks::from(truth);
            let columns = traced(workbench, truth, &networks, &asked)?;
            let [scores, count, params] = &columns[..] else {
                continue;
            };
            let quality: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
            let same = SameSize::new(params, &quality, TOLERANCE)?;
            for &size in same.pairs().iter().flatten().map(|&index| &params[index]) {
                let [least, most] = learning.params;
                learning.params = [least.min(size), most.max(size)];
            }
            let repeated = traced(&again, truth, &networks, &asked[..1])?;
            learning.noises.push(noise(scores, &repeated[0]));
            learning.names.push(truth.name.clone());
            learning.by_count.push(Evidence::new(same.clone(), count)?);
            learning.by_proxy.push(Evidence::new(same, scores)?);
        }
        Ok(learning)
    }

    /// The curve that is learnt on all ground truths, each with the same weight.
    ///
    /// # Errors
    /// No pairs of like size.
    pub fn calibration(&self) -> Result<Calibration, Error> {
        let none = || Error::Audit("no pair of like size to calibrate on".to_owned());
        let found = slope(&self.by_proxy).ok_or_else(none)?;
        let interval = slope_interval(&self.by_proxy, &Bootstrap::default())?;
        let brier = self.by_proxy.iter().filter_map(|on| on.brier(found));
        let on = |(name, evidence, same_size): (&String, &Evidence, f64)| CalibratedOn {
            truth: name.clone(),
            pairs: evidence.pairs().count(),
            same_size,
        };
        let truths = self.names.iter().zip(&self.by_proxy);
        let truths =
            truths.filter_map(|(name, evidence)| Some((name, evidence, evidence.accuracy()?)));
        let squares = self.noises.iter().map(|noise| noise * noise);
        Ok(Calibration {
            formula: text(&self.proxy),
            slope: found,
            standard_error: interval.ok_or_else(none)?.standard_error,
            noise: mean(squares).sqrt(),
            tolerance: TOLERANCE,
            tokens: self.tokens,
            params: self.params,
            brier: mean(brier),
            truths: truths.map(on).collect(),
        })
    }

    /// Every ground truth in turn judged by what the others teach.
    pub fn left_out(&self) -> Vec<LeftOut> {
        let others = |all: &[Evidence], out: usize| {
            let rest = all.iter().enumerate().filter(|(index, _)| *index != out);
            slope(
                &rest
                    .map(|(_, evidence)| evidence.clone())
                    .collect::<Vec<_>>(),
            )
        };
        let one = |out: usize| {
            let slope = others(&self.by_proxy, out)?;
            let count = others(&self.by_count, out)?;
            Some(LeftOut {
                truth: self.names[out].clone(),
                slope,
                brier: self.by_proxy[out].brier(slope)?,
                brier_count: self.by_count[out].brier(count)?,
                reliability: self.by_proxy[out].reliability(slope).to_vec(),
            })
        };
        (0..self.names.len()).filter_map(one).collect()
    }
}

/// Scores by proxy, then network, from traces, which a cache may have.
fn traced(
    workbench: &Workbench,
    truth: &GroundTruth,
    networks: &Networks,
    proxies: &[Proxy],
) -> Result<Vec<Vec<f64>>, Error> {
    let traces = workbench.traces(&source(truth), networks)?;
    let evaluator = Evaluator::new(&traces);
    let column = |proxy: &Proxy| evaluator.all_scores(&proxy.formula);
    let columns = proxies.iter().map(column).collect::<Result<_, _>>();
    columns.map_err(|error| Error::Formula(error.to_string()))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// Standard deviation of the logarithm of a score between two seeds. What all scores have
/// in common moves no ranking, and is left out.
fn noise(first: &[f64], second: &[f64]) -> f64 {
    let changes: Vec<f64> = (first.iter().zip(second))
        .map(|(a, b)| (a / b).ln())
        .collect();
    let common = mean(changes.iter().copied());
    let variance = mean(changes.iter().map(|change| (change - common).powi(2)));
    (variance / 2.0).sqrt()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_calibration_is_of_the_shipped_formula() {
        let calibration = Calibration::shipped();
        let proxy = Proxy::parse(SHIPPED).unwrap();
        let refusal = calibration.refuses(&proxy, &Pass::default());
        assert_eq!(
            refusal, None,
            "renew it: cargo run --release -p lpzero --example calibrate -- --write openlm gemstones"
        );
        assert!(calibration.slope > 0.0 && calibration.standard_error > 0.0);
        assert!(calibration.brier < 0.25 && calibration.noise > 0.0);
    }

    #[test]
    fn what_was_not_calibrated_is_refused() {
        let calibration = Calibration::shipped();
        let other = Proxy::parse("snip").unwrap();
        let refusal = calibration.refuses(&other, &Pass::default()).unwrap();
        assert_eq!(refusal, "snip is not calibrated; only lpzero is");
        let older = Calibration {
            formula: "params".into(),
            ..calibration.clone()
        };
        let proxy = Proxy::parse(SHIPPED).unwrap();
        let refusal = older.refuses(&proxy, &Pass::default()).unwrap();
        assert!(refusal.contains("an older lpzero"), "{refusal}");
        let short = Pass {
            batch: 1,
            ..Pass::default()
        };
        let refusal = calibration.refuses(&proxy, &short).unwrap();
        assert!(refusal.contains("not of 64"), "{refusal}");
    }

    #[test]
    fn the_interval_holds_one_half_where_scores_are_within_their_noise() {
        let calibration = Calibration::shipped();
        assert!(!calibration.probability(0.0).tells());
        assert!(!calibration.probability(calibration.noise).tells());
        let sure = calibration.probability(1.0);
        let reverse = calibration.probability(-1.0);
        assert!(sure.tells() && sure.low < sure.value && sure.value < sure.high);
        assert!((sure.value + reverse.value - 1.0).abs() < 1e-12);
        assert!((sure.low + reverse.high - 1.0).abs() < 1e-12);
    }
}
