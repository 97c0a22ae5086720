//! Several passes per architecture: other initialisations, other minibatches.

use std::sync::Arc;

/// How often each architecture is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// Initialisations, at least 1.
    pub inits: u32,
    /// Minibatches for each, at least 1.
    pub batches: u32,
}

/// One of these passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repetition {
    /// Which initialisation, from 0 on: it is added to the seed of the weights
    /// (and of masks and projections).
    pub init: u32,
    /// Which minibatch, from 0 on: it is added to the seed of a synthetic
    /// stream, or shifts the stretches that are taken of a text.
    pub batch: u32,
    /// How many minibatches there are; 0 counts as 1.
    pub batches: u32,
}

impl Repeats {
    /// One pass: the first initialisation on the first minibatch.
    pub const ONE: Repeats = Repeats {
        inits: 1,
        batches: 1,
    };

    /// Passes per architecture.
    pub fn count(self) -> u32 {
        self.inits * self.batches
    }

    /// Every pass, that of [`ONE`](Self::ONE) first.
    pub fn passes(self) -> impl Iterator<Item = Repetition> {
        let Repeats { inits, batches } = self;
        (0..inits).flat_map(move |init| {
            (0..batches).map(move |batch| Repetition {
                init,
                batch,
                batches,
            })
        })
    }
}

impl Repetition {
    /// The text of this minibatch: the whole, rotated by the share of one
    /// sequence's distance that falls to it, so that minibatches of `sequences`
    /// evenly spaced stretches begin at evenly spaced places too.
    pub(crate) fn text(self, text: &Arc<[u32]>, sequences: usize) -> Arc<[u32]> {
        let distance = text.len() / sequences.max(1);
        let shift = distance as u64 * u64::from(self.batch) / u64::from(self.batches.max(1));
        let shift = (shift as usize).min(text.len());
        match shift {
            0 => Arc::clone(text),
            _ => text[shift..]
                .iter()
                .chain(&text[..shift])
                .copied()
                .collect(),
        }
    }
}

/// Mean and spread of scores over passes, summed as they come (Welford 1962).
#[derive(Clone, Debug, Default)]
pub struct PassMoments {
    count: u32,
    mean: Vec<Vec<f64>>,
    squares: Vec<Vec<f64>>,
}

impl PassMoments {
    /// Adds the scores of one pass, by proxy, then architecture: the same
    /// shape every time.
    pub fn add(&mut self, columns: &[Vec<f64>]) {
        if self.count == 0 {
            let zeros = || columns.iter().map(|column| vec![0.0; column.len()]);
            self.mean = zeros().collect();
            self.squares = zeros().collect();
        }
        self.count += 1;
        let count = f64::from(self.count);
        let moments = self.mean.iter_mut().zip(&mut self.squares);
        for ((mean, squares), column) in moments.zip(columns) {
            for ((mean, squares), score) in mean.iter_mut().zip(squares).zip(column) {
                let difference = score - *mean;
                *mean += difference / count;
                *squares += difference * (score - *mean);
            }
        }
    }

    /// Means by proxy, then architecture; not finite where a pass was not.
    pub fn mean(&self) -> Vec<Vec<f64>> {
        self.mean.clone()
    }

    /// Standard deviations of a sample (divided by one less than the passes),
    /// by proxy, then architecture; NaN after a single pass.
    pub fn spread(&self) -> Vec<Vec<f64>> {
        let degrees = f64::from(self.count) - 1.0;
        let spread = |squares: &Vec<f64>| squares.iter().map(|x| (x / degrees).sqrt()).collect();
        self.squares.iter().map(spread).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_initialisation_and_minibatch_is_one_pass() {
        let repeats = Repeats {
            inits: 2,
            batches: 3,
        };
        let passes: Vec<_> = repeats
            .passes()
            .map(|pass| (pass.init, pass.batch))
            .collect();
        assert_eq!(passes, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
        assert_eq!(passes.len(), repeats.count() as usize);
    }

    #[test]
    fn minibatches_of_a_text_begin_at_evenly_spaced_places() {
        let text: Arc<[u32]> = (0..12).collect();
        let starts: Vec<u32> = (0..3)
            .map(|batch| {
                let repetition = Repetition {
                    init: 0,
                    batch,
                    batches: 3,
                };
                let rotated = repetition.text(&text, 2);
                assert_eq!(rotated.len(), 12);
                rotated[0]
            })
            .collect();
        assert_eq!(starts, [0, 2, 4]);
        assert_eq!(Repetition::default().text(&text, 2), text);
    }

    #[test]
    fn moments_are_those_of_a_sample() {
        let mut moments = PassMoments::default();
        for pass in [[1.0, 0.1, 5.0], [2.0, 0.1, f64::NAN], [6.0, 0.1, 5.0]] {
            moments.add(&[pass.to_vec()]);
        }
        let (mean, spread) = (&moments.mean()[0], &moments.spread()[0]);
        assert_eq!(mean[..2], [3.0, 0.1]);
        assert!((spread[0] - 7f64.sqrt()).abs() < 1e-15 && spread[1] == 0.0);
        assert!(mean[2].is_nan() && spread[2].is_nan());
    }
}
