//! Pieces of work that an enumeration does at one go.

use lpzero_proxy::{RoleSet, Symbol};
use lpzero_run::{ContentHash, Hasher};

use super::aggregate::{self, Aggregate, Numbered};
use super::branches::Branches;
use crate::Vocabulary;

/// The parts of a search, as its [`Snapshot`](crate::Snapshot) names them: arithmetic on
/// one number per site, and matrix products of tensors.
pub const NUMBERS: &str = "numbers";
/// See [`NUMBERS`].
pub const PRODUCTS: &str = "matrix products";

/// Piece of work that is measured and recorded at one go.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) symbols: [Symbol; 2],
    /// Roles at which both symbols are found.
    pub(super) roles: RoleSet,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Sums, differences and products of the numbers of two symbols, under one aggregate.
    Numbers(Numbered),
    /// Matrix products of the tensors of two symbols, under several aggregates.
    Products(Vec<Numbered>),
}

impl Piece {
    /// All pieces of a space; symbols that never meet where an aggregate looks have none.
    pub(super) fn all(
        vocabulary: &Vocabulary,
        aggregates: &[Aggregate],
        branches: &Branches,
    ) -> Vec<Self> {
        let symbols: Vec<Symbol> = vocabulary.symbols().iter().map(|(s, _)| *s).collect();
        let pairs = symbols.iter().enumerate().flat_map(|(place, &left)| {
            let rest = symbols[place..].iter();
            rest.map(move |&right| [left, right])
        });
        let piece = |kind, symbols| Self {
            kind,
            symbols,
            roles: vocabulary.roles(&symbols),
        };
        let numbers = pairs.flat_map(|symbols| {
            let distinct = Aggregate::distinct(aggregates, vocabulary, symbols).into_iter();
            let pieces = distinct.map(|one| piece(Kind::Numbers(one), symbols));
            pieces.collect::<Vec<_>>()
        });
        // Tensors take long to evaluate: once for all aggregates.
        let products = branches.multiplied().into_iter().filter_map(|symbols| {
            let distinct = Aggregate::distinct(aggregates, vocabulary, symbols);
            (!distinct.is_empty()).then(|| piece(Kind::Products(distinct), symbols))
        });
        numbers.chain(products).collect()
    }

    /// Part of the search that it belongs to, for people.
    pub(super) fn part(&self) -> &'static str {
        match self.kind {
            Kind::Numbers(_) => NUMBERS,
            Kind::Products(_) => PRODUCTS,
        }
    }

    pub(super) fn aggregates(&self) -> &[Numbered] {
        match &self.kind {
            Kind::Numbers(aggregate) => std::slice::from_ref(aggregate),
            Kind::Products(aggregates) => aggregates,
        }
    }

    /// The roles that its aggregates tell apart.
    pub(super) fn parts(&self) -> Vec<RoleSet> {
        aggregate::parts(self.aggregates(), self.roles)
    }

    /// Identifies it in a journal, beside the key of all branches.
    pub(super) fn key(&self, branches: &ContentHash) -> ContentHash {
        let mut hasher = Hasher::new();
        hasher.update(branches.as_bytes());
        hasher.update(format!("{} {:?}", self.part(), self.symbols).as_bytes());
        for Numbered { number, aggregate } in self.aggregates() {
            hasher.update(format!(" {number} {aggregate}").as_bytes());
        }
        hasher.finish()
    }

    /// Number of its formulas that differ by more than algebra.
    pub(super) fn formulas(&self, branches: &Branches) -> u64 {
        let one = match self.kind {
            Kind::Numbers(_) => branches.formulas(self.symbols),
            Kind::Products(_) => branches.products(self.symbols),
        };
        one * self.aggregates().len() as u64
    }
}

/// How much of a space is done.
pub(super) struct Work<'a> {
    branches: &'a Branches,
    all: f64,
    finished: f64,
}

impl<'a> Work<'a> {
    pub(super) fn of(pieces: &[Piece], branches: &'a Branches) -> Self {
        Self {
            branches,
            all: pieces
                .iter()
                .map(|piece| piece.formulas(branches) as f64)
                .sum(),
            finished: 0.0,
        }
    }

    pub(super) fn finish(&mut self, piece: &Piece, share: f64) {
        self.finished += share * piece.formulas(self.branches) as f64;
    }

    /// With such a share of a piece beside those that are finished.
    pub(super) fn share(&self, piece: &Piece, done: f64) -> f64 {
        let work = self.finished + done * piece.formulas(self.branches) as f64;
        (work / self.all).min(1.0)
    }

    pub(super) fn share_done(&self) -> f64 {
        // Sums of whole numbers: exact.
        if self.finished < self.all {
            self.finished / self.all
        } else {
            1.0
        }
    }
}
