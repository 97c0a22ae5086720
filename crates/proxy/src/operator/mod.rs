//! The operator table and the words that its rows are written in.
//!
//! Everything that the crate knows about an operator stands in its row of
//! [`OPERATORS`]: parser, printer, LaTeX, type checker, simplifier, pruning
//! rules, evaluator and the reference ([`crate::reference`]) read it there.

mod decompositions;
mod gram;
mod id;
mod kernels;
mod row;
mod table;

pub use id::{OperatorId, known};
pub use row::{
    Decomposition, Direction, Domain, Factor, Fixity, Form, Kernel, Kind, Operator,
    PREFIX_PRECEDENCE, Parity, ProductKernel, Range, Sample, Whole,
};
pub use table::OPERATORS;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_means_one_operator_per_arity_and_kind() {
        let mut seen = HashSet::new();
        for id in OperatorId::all() {
            let row = id.row();
            for name in std::iter::once(&row.name).chain(row.aliases) {
                assert!(
                    seen.insert((*name, row.arity(), row.kind)),
                    "{name} is ambiguous"
                );
            }
        }
    }

    #[test]
    fn every_row_has_a_place_of_its_own_in_the_canonical_order() {
        let mut places: Vec<u16> = OPERATORS.iter().map(|row| row.order).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), OPERATORS.len());
    }

    #[test]
    fn factors_name_elementwise_functions_and_fit_their_kind() {
        for row in OPERATORS {
            let kind = match row.factor {
                Factor::Plain => continue,
                Factor::Reduction(chains) => {
                    for name in chains.iter().copied().flatten() {
                        assert!(OperatorId::elementwise(name).is_some(), "{name}");
                    }
                    Kind::Reduction
                }
                Factor::Symbols(_) => Kind::SymbolReduction,
                Factor::Function => Kind::Elementwise,
                Factor::OverFunctions => Kind::Aggregator,
            };
            assert_eq!(row.kind, kind, "{}", row.name);
        }
    }

    #[test]
    fn inverses_are_in_the_table() {
        for row in OPERATORS {
            if let Some(name) = row.inverse_of {
                let inverse = OperatorId::called(name, row.arity()).next();
                assert!(inverse.is_some(), "{} inverts {name}", row.name);
            }
        }
    }

    #[test]
    fn the_paper_has_21_unary_and_4_binary_operations() {
        // `mean` stands for two of the paper's unary operations.
        let paper = |arity| {
            OPERATORS
                .iter()
                .filter(move |row| row.paper && row.arity() == arity)
        };
        assert_eq!(paper(1).count(), 20);
        assert_eq!(paper(2).count(), 4);
    }
}
