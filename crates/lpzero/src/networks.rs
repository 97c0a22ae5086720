//! Networks to run: one owned table of names, architectures and weights.

use lpzero_arch::Architecture;
use lpzero_trace::Weights;
use lpzero_truth::GroundTruth;

/// Networks to run, a row each: what errors and tables call it, its architecture,
/// and its weights where they are not drawn by the seed.
#[derive(Clone, Default)]
pub struct Networks {
    ids: Vec<String>,
    architectures: Vec<Architecture>,
    /// One entry per network.
    weights: Vec<Option<Weights>>,
}

impl Networks {
    /// A table without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a network whose weights are drawn by the seed.
    pub fn add(&mut self, id: impl Into<String>, architecture: Architecture) {
        self.push(id.into(), architecture, None);
    }

    /// Adds a network with weights of its own.
    pub fn add_weighted(
        &mut self,
        id: impl Into<String>,
        architecture: Architecture,
        weights: Weights,
    ) {
        self.push(id.into(), architecture, Some(weights));
    }

    fn push(&mut self, id: String, architecture: Architecture, weights: Option<Weights>) {
        self.ids.push(id);
        self.architectures.push(architecture);
        self.weights.push(weights);
    }

    /// Number of networks.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Names, in the order of the rows.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Architectures, in the order of the rows.
    pub fn architectures(&self) -> &[Architecture] {
        &self.architectures
    }

    /// Weights, in the order of the rows; `None` where the seed draws them.
    pub fn weights(&self) -> &[Option<Weights>] {
        &self.weights
    }

    /// Number of networks with weights of their own.
    pub fn weighted(&self) -> usize {
        self.weights.iter().flatten().count()
    }

    /// The rows at `indices`, in that order.
    pub fn subset(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let mut subset = Self::new();
        for i in indices {
            let architecture = self.architectures[i].clone();
            subset.push(self.ids[i].clone(), architecture, self.weights[i].clone());
        }
        subset
    }
}

impl From<&GroundTruth> for Networks {
    /// The entries of a ground truth, weights drawn by the seed.
    fn from(truth: &GroundTruth) -> Self {
        let mut networks = Self::new();
        for entry in &truth.entries {
            networks.add(entry.id.clone(), entry.architecture.clone());
        }
        networks
    }
}

impl<I: Into<String>> FromIterator<(I, Architecture)> for Networks {
    fn from_iter<T: IntoIterator<Item = (I, Architecture)>>(rows: T) -> Self {
        let mut networks = Self::new();
        for (id, architecture) in rows {
            networks.add(id, architecture);
        }
        networks
    }
}
