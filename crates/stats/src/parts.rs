//! Rank correlation on parts of a ground truth: its top, its groups.

use std::cmp::Ordering;

use crate::Error;
use crate::column::{check_pair, compare};
use crate::correlation::{Workspace, tau};

/// Kendall's tau among the architectures whose truth is in the top `fraction`
/// (0.1 for the top 10 %), rounded up, with everything tied with the last of
/// them.
///
/// `None` where fewer than two remain or either column is constant there.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn tau_among_top(x: &[f64], truth: &[f64], fraction: f64) -> Result<Option<f64>, Error> {
    check_pair(x, truth)?;
    let (_, threshold) = top(truth, fraction);
    let (x, truth): (Vec<f64>, Vec<f64>) = x
        .iter()
        .zip(truth)
        .filter(|&(_, &truth)| truth >= threshold)
        .unzip();
    if x.len() < 2 {
        return Ok(None);
    }
    tau(&x, &truth)
}

/// Share of the top `fraction` by `x` (rounded up) that belongs to the true top.
///
/// The true top takes in everything tied with its last one. Where `x` leaves
/// several tied at its own threshold, this is the expected share when they are
/// drawn at random.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn precision_at_top(x: &[f64], truth: &[f64], fraction: f64) -> Result<f64, Error> {
    check_pair(x, truth)?;
    let (_, good) = top(truth, fraction);
    let (count, threshold) = top(x, fraction);
    let (mut above, mut hits) = (0, 0);
    let (mut tied, mut tied_hits) = (0, 0);
    for (&x, &truth) in x.iter().zip(truth) {
        let hit = usize::from(truth >= good);
        match compare(x, threshold) {
            Ordering::Greater => (above, hits) = (above + 1, hits + hit),
            Ordering::Equal => (tied, tied_hits) = (tied + 1, tied_hits + hit),
            Ordering::Less => {}
        }
    }
    let drawn = (count - above) as f64 / tied as f64;
    Ok((hits as f64 + drawn * tied_hits as f64) / count as f64)
}

/// Counts the values in the top `fraction`, rounded up, and gives the last of them.
fn top(x: &[f64], fraction: f64) -> (usize, f64) {
    let count = ((x.len() as f64 * fraction).ceil() as usize).clamp(1, x.len());
    let mut descending = x.to_vec();
    descending.sort_unstable_by(|a, b| compare(*b, *a));
    (count, descending[count - 1])
}

/// Kendall's tau inside one group of architectures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct GroupTau {
    /// Property that the members share, for example `4 x 256`.
    pub group: String,
    /// Number of members.
    pub n: usize,
    /// Their tau; `None` where either column is constant inside the group.
    pub tau: Option<f64>,
}

/// Kendall's tau inside every group of at least two members, in the order of
/// the group names' first appearance once sorted by name.
///
/// # Errors
/// NaN, different lengths, fewer than two values.
pub fn tau_within_groups(
    x: &[f64],
    truth: &[f64],
    groups: &[String],
) -> Result<Vec<GroupTau>, Error> {
    check_pair(x, truth)?;
    if groups.len() != x.len() {
        return Err(Error::Lengths {
            left: x.len(),
            right: groups.len(),
        });
    }
    let mut members = std::collections::BTreeMap::<&str, (Vec<f64>, Vec<f64>)>::new();
    for ((group, &x), &truth) in groups.iter().zip(x).zip(truth) {
        let (xs, truths) = members.entry(group).or_default();
        xs.push(x);
        truths.push(truth);
    }
    let mut workspace = Workspace::new();
    members
        .into_iter()
        .filter(|(_, (xs, _))| xs.len() >= 2)
        .map(|(group, (xs, truths))| {
            Ok(GroupTau {
                group: group.to_owned(),
                n: xs.len(),
                tau: workspace.tau(&xs, &truths)?,
            })
        })
        .collect()
}
