//! Which of these networks is the best, and how sure is that?
//!
//! Networks are ranked by a proxy. Of two neighbours in the ranking whose sizes are alike,
//! the shipped proxy also says with what probability the upper one is better. Where sizes
//! are not alike, they decide, and no probability is given.

mod calibration;

use lpzero_arch::{Architecture, Space};
use lpzero_nas::{Bound, Budget, Cost, Method, Problem, Scorer, Strategy, search};
use serde::Serialize;

pub use calibration::{CalibratedOn, Calibration, Learning, LeftOut, Probability, SHIPPED};

use crate::{Error, Networks, Proxy, Size, Workbench};

/// Architectures that are drawn from a space, unless somebody says otherwise.
pub const DRAWN: u64 = 50;

/// Networks in the order of a proxy. Serialised, it is the JSON document of
/// `lpzero compare`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Proxy that ranks.
    pub proxy: String,
    /// Formula of the proxy.
    pub formula: String,
    /// Seed of weights and minibatch.
    pub seed: u64,
    /// Curve behind the probabilities; `None` where there are none.
    pub calibration: Option<Calibration>,
    /// Why there are no probabilities.
    pub not_calibrated: Option<String>,
    /// The networks, best first. Those without a score come last.
    pub rows: Vec<Compared>,
}

/// One network of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Place in the ranking, from 1.
    pub rank: usize,
    /// Name of the network.
    pub id: String,
    /// All parameters.
    pub params: f64,
    /// FLOPs of a forward pass, over its tokens.
    pub flops_per_token: f64,
    /// Bytes of weights in single precision, and of the activations that a pass keeps.
    pub memory: f64,
    /// Bytes of the activations alone.
    pub activation_memory: f64,
    /// Score, larger being better; `None` where the proxy is not defined.
    pub score: Option<f64>,
    /// Comparison with the next network of the ranking; `None` for the last.
    pub next: Option<Next>,
}

/// Is a network better than the next one of the ranking?
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Next {
    /// Name of the next one.
    pub id: String,
    /// #Params over those of the next one.
    pub size_ratio: f64,
    /// Probability of being better, where sizes are alike and the proxy is calibrated.
    pub probability: Option<f64>,
    /// Ends of the 95 % interval of the probability.
    pub interval: Option<[f64; 2]>,
    /// Answer in a word.
    pub verdict: Verdict,
}

/// Answers to the question whether a network is better than the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes: the interval of the probability is above one half.
    Better,
    /// The interval of the probability holds one half, or a score is not a positive number.
    CannotTell,
    /// The sizes are not alike, and size decides before shape does.
    SizeDecides,
    /// The proxy has no probabilities.
    NotCalibrated,
}

impl Verdict {
    /// The word in JSON and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::CannotTell => "cannot-tell",
            Self::SizeDecides => "size-decides",
            Self::NotCalibrated => "not-calibrated",
        }
    }
}

impl Workbench {
    /// Ranks networks by a proxy, and says of neighbours how probable the order is. Weights
    /// are drawn by the seed: the question is about networks that nobody has trained.
    ///
    /// # Errors
    /// Networks that cannot be run, and a formula that is not a score.
    pub fn compare(&self, networks: &Networks, proxy: &Proxy) -> Result<Comparison, Error> {
        let columns = self.exact_scores(networks, std::slice::from_ref(proxy))?;
        let sign = f64::from(proxy.sign);
        let scores: Vec<f64> = columns.iter().flatten().map(|score| sign * score).collect();
        let architectures = networks.architectures();
        let shipped = Calibration::shipped();
        let refusal = shipped.refuses(proxy, self.pass()).or_else(|| {
            let other = architectures.iter().position(|a| !shipped.is_for(a));
            let id = &networks.ids()[other?];
            Some(format!("calibrated on decoders, and {id} is an encoder"))
        });
        let calibration = refusal.is_none().then_some(shipped);

        let mut order: Vec<usize> = (0..networks.len()).collect();
        let fitness = |&row: &usize| match scores[row].is_nan() {
            true => f64::NEG_INFINITY,
            false => scores[row],
        };
        order.sort_by(|a, b| fitness(b).total_cmp(&fitness(a)));
        let row = |(place, &index): (usize, &usize)| {
            let next = order.get(place + 1).map(|&next| Next {
                id: networks.ids()[next].clone(),
                ..judged(
                    [&architectures[index], &architectures[next]],
                    [scores[index], scores[next]],
                    calibration.as_ref(),
                )
            });
            self.compared(place + 1, (networks, index), scores[index], next)
        };
        let rows = order.iter().enumerate().map(row).collect();
        Ok(Comparison {
            proxy: proxy.name.clone(),
            formula: proxy.formula.to_string(),
            seed: self.seed(),
            calibration,
            not_calibrated: refusal,
            rows,
        })
    }

    fn compared(
        &self,
        rank: usize,
        (networks, index): (&Networks, usize),
        score: f64,
        next: Option<Next>,
    ) -> Compared {
        let architecture = &networks.architectures()[index];
        let pass = self.pass();
        let positions = pass.positions;
        let params = Size::Params.of(architecture);
        let activation_memory = architecture.activation_memory(pass.batch, positions) as f64;
        Compared {
            rank,
            id: networks.ids()[index].clone(),
            params,
            flops_per_token: architecture.flops(positions) as f64 / positions as f64,
            memory: activation_memory + params * size_of::<f32>() as f64,
            activation_memory,
            score: score.is_finite().then_some(score),
            next,
        }
    }

    /// Different architectures of a space within bounds, drawn by the seed of the
    /// workbench; fewer where there are not so many.
    ///
    /// # Errors
    /// Bounds that nothing keeps.
    pub fn draw(&self, space: &Space, bounds: &[Bound], wanted: u64) -> Result<Networks, Error> {
        let pass = self.pass();
        let problem = Problem {
            space,
            cost: Cost::Params,
            bounds,
            load: (pass.batch, pass.positions).into(),
            table: None,
        };
        let strategy = Strategy {
            method: Method::Random,
            population: 4,
            seed: self.seed(),
            budget: Budget::Evaluations(wanted),
        };
        let found = search(problem, strategy, &mut Unscored, None, &mut |_| ())?;
        let drawn = found.candidates.into_iter();
        Ok(drawn.map(|drawn| (drawn.id, drawn.architecture)).collect())
    }
}

/// What the first of two networks is to the second.
fn judged(
    [first, second]: [&Architecture; 2],
    [high, low]: [f64; 2],
    calibration: Option<&Calibration>,
) -> Next {
    let size_ratio = Size::Params.of(first) / Size::Params.of(second);
    let next = |verdict, probability: Option<Probability>| Next {
        id: String::new(),
        size_ratio,
        probability: probability.map(|p| p.value),
        interval: probability.map(|p| [p.low, p.high]),
        verdict,
    };
    let Some(calibration) = calibration else {
        return next(Verdict::NotCalibrated, None);
    };
    if size_ratio.ln().abs() >= calibration.tolerance.ln_1p() {
        return next(Verdict::SizeDecides, None);
    }
    let ratio = (high / low).ln();
    // A network without queries has score 0, which has no ratio.
    if !(low > 0.0 && ratio.is_finite()) {
        return next(Verdict::CannotTell, None);
    }
    let probability = calibration.probability(ratio);
    match probability.tells() {
        true => next(Verdict::Better, Some(probability)),
        false => next(Verdict::CannotTell, Some(probability)),
    }
}

/// Takes architectures as they come.
struct Unscored;

impl Scorer for Unscored {
    type Error = Error;

    fn scores(&mut self, ids: &[String], _: &[Architecture]) -> Result<Vec<f64>, Error> {
        Ok(vec![0.0; ids.len()])
    }

    fn latency(&mut self, _: &str, _: &Architecture) -> Result<f64, Error> {
        Ok(0.0)
    }
}
