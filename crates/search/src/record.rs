//! One batch of a search as bytes: which formulas, when, and what came of them.
//!
//! ```text
//! record  = "LPZB", u64 length, payload, blake3 of all that (16)
//! payload = u64 batch, formulas (16), u64 nanoseconds, body
//! body    = u32 count, outcome*, or what an enumeration has to say
//! outcome = 0, u8 length, rule
//!         | 1, f64 fitness, u8 reversed, u32 count, rank* (1, 2 or 4 bytes each)
//! ```
//!
//! Numbers are little-endian.

use std::io::{self, Read};
use std::time::Duration;

use lpzero_proxy::Node;

use crate::archive::Individual;
use crate::pruning;
use crate::run::Outcome;

/// Identifies what a batch consists of.
pub(crate) type Key = [u8; 16];

/// Starts every record, so that intact ones are found behind a damaged one.
const MARKER: &[u8; 4] = b"LPZB";

const FRAME: usize = MARKER.len() + 8;
const CHECKSUM: usize = 16;

const PRUNED: u8 = 0;
const EVALUATED: u8 = 1;

/// What a record says before its outcomes.
pub(crate) struct Head {
    /// Number of the batch.
    pub(crate) batch: u64,
    /// The formulas of the batch.
    pub(crate) key: Key,
    /// Time that the search had taken when the batch was finished.
    pub(crate) elapsed: Duration,
}

/// The first 16 bytes of a blake3 hash.
pub(crate) fn truncated(hasher: &blake3::Hasher) -> Key {
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    key
}

fn checksum(framed: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(framed);
    truncated(&hasher)
}

/// A whole record.
pub(crate) fn frame(head: &Head, body: &[u8]) -> Vec<u8> {
    let mut record = MARKER.to_vec();
    record.extend_from_slice(&[0; 8]);
    record.extend_from_slice(&head.batch.to_le_bytes());
    record.extend_from_slice(&head.key);
    let nanoseconds = u64::try_from(head.elapsed.as_nanos()).unwrap_or(u64::MAX);
    record.extend_from_slice(&nanoseconds.to_le_bytes());
    record.extend_from_slice(body);
    let length = (record.len() - FRAME) as u64;
    record[MARKER.len()..FRAME].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&record);
    record.extend_from_slice(&checksum);
    record
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

/// Bytes that a record with this payload takes.
pub(crate) fn size(payload: &[u8]) -> u64 {
    (FRAME + payload.len() + CHECKSUM) as u64
}

/// The payload of the record that starts here and ends within `left` bytes;
/// `None` where there is no intact one.
pub(crate) fn read(reader: &mut impl Read, left: u64) -> io::Result<Option<Vec<u8>>> {
    let mut record = Vec::new();
    reader
        .by_ref()
        .take(FRAME as u64)
        .read_to_end(&mut record)?;
    if record.len() < FRAME || !record.starts_with(MARKER) {
        return Ok(None);
    }
    let length = take(&mut &record[MARKER.len()..]).map_or(u64::MAX, u64::from_le_bytes);
    let rest = length.saturating_add(CHECKSUM as u64);
    if rest > left.saturating_sub(FRAME as u64) {
        return Ok(None);
    }
    reader.by_ref().take(rest).read_to_end(&mut record)?;
    let Some((framed, found)) = record.split_last_chunk::<CHECKSUM>() else {
        return Ok(None);
    };
    if framed.len() as u64 != FRAME as u64 + length || checksum(framed) != *found {
        return Ok(None);
    }
    Ok(Some(framed[FRAME..].to_vec()))
}

/// Whether an intact record starts anywhere in these bytes.
pub(crate) fn any_intact(bytes: &[u8]) -> bool {
    let starts = bytes.windows(MARKER.len()).enumerate();
    let mut starts = starts.filter(|(_, window)| window == MARKER);
    starts.any(|(start, _)| {
        let left = (bytes.len() - start) as u64;
        matches!(read(&mut &bytes[start..], left), Ok(Some(_)))
    })
}

/// The head of a payload, which is left at its outcomes; `None` where it has none.
pub(crate) fn head(payload: &mut &[u8]) -> Option<Head> {
    Some(Head {
        batch: u64::from_le_bytes(take(payload)?),
        key: take(payload)?,
        elapsed: Duration::from_nanos(u64::from_le_bytes(take(payload)?)),
    })
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
