//! Format of a batch in a journal: the outcomes of its formulas.
//!
//! ```text
//! value   = u32 count, outcome*
//! outcome = 0, u8 length, rule
//!         | 1, f64 fitness, u8 reversed, u32 count, rank* (1, 2 or 4 bytes each)
//! ```
//!
//! Numbers are little-endian.

use lpzero_proxy::Node;

use crate::archive::Individual;
use crate::pruning::{self, Rule};

const PRUNED: u8 = 0;
const EVALUATED: u8 = 1;

/// Outcome for a formula that was admitted.
pub(crate) enum Outcome {
    Evaluated(Individual),
    Pruned(Rule),
}

/// The outcomes of a batch.
pub(crate) fn encode(outcomes: &[Outcome]) -> Vec<u8> {
    let mut record = (outcomes.len() as u32).to_le_bytes().to_vec();
    for outcome in outcomes {
        match outcome {
            Outcome::Pruned(rule) => {
                record.extend_from_slice(&[PRUNED, rule.len() as u8]);
                record.extend_from_slice(rule.as_bytes());
            }
            Outcome::Evaluated(individual) => {
                record.push(EVALUATED);
                record.extend_from_slice(&individual.fitness.to_le_bytes());
                record.push(u8::from(individual.reversed));
                record.extend_from_slice(&(individual.ranks.len() as u32).to_le_bytes());
                let width = rank_width(individual.ranks.len());
                for rank in &individual.ranks {
                    record.extend_from_slice(&rank.to_le_bytes()[..width]);
                }
            }
        }
    }
    record
}

/// Bytes that twice the rank among `n` fits in: ranks are most of a journal.
fn rank_width(n: usize) -> usize {
    match 2 * n {
        ..0x100 => 1,
        0x100..0x1_0000 => 2,
        _ => 4,
    }
}

/// One outcome for each formula, each with so many ranks; `None` where the
/// bytes say anything else.
pub(crate) fn outcomes(
    payload: &mut &[u8],
    formulas: &[Node],
    ranks: usize,
) -> Option<Vec<Outcome>> {
    let count = u32::from_le_bytes(take(payload)?);
    if count as usize != formulas.len() {
        return None;
    }
    let outcomes = formulas
        .iter()
        .map(|formula| outcome(payload, formula, ranks));
    let outcomes = outcomes.collect::<Option<Vec<Outcome>>>()?;
    payload.is_empty().then_some(outcomes)
}

fn outcome(payload: &mut &[u8], formula: &Node, ranks: usize) -> Option<Outcome> {
    match take(payload)? {
        [PRUNED] => {
            let [length] = take(payload)?;
            let name = payload.split_off(..usize::from(length))?;
            let mut rules = pruning::MEASURED.into_iter();
            let rule = rules.find(|rule| rule.as_bytes() == name)?;
            Some(Outcome::Pruned(rule))
        }
        [EVALUATED] => {
            let fitness = f64::from_le_bytes(take(payload)?);
            let [reversed] = take(payload)?;
            if u32::from_le_bytes(take(payload)?) as usize != ranks {
                return None;
            }
            let width = rank_width(ranks);
            let bytes = payload.split_off(..ranks.checked_mul(width)?)?;
            let rank = |bytes: &[u8]| {
                let mut rank = [0; 4];
                rank[..width].copy_from_slice(bytes);
                u32::from_le_bytes(rank)
            };
            let ranks = bytes.chunks_exact(width).map(rank).collect();
            let individual = Individual::measured(formula, fitness, reversed != 0, ranks);
            Some(Outcome::Evaluated(individual))
        }
        _ => None,
    }
}

/// The next bytes.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
