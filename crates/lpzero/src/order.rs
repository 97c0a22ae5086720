//! Which channels and heads of a network matter most.
//!
//! A sub-network keeps leading channels and heads, so it is only as good as their order. Sorting
//! them by what each adds to a proxy comes first (Molchanov et al. 2019 do so by Taylor's
//! expansion, [`lpzero_nn::Ordered`] changes the order without changing the function).

use lpzero_arch::{Architecture, Block, GroupedAttention};
use lpzero_nn::{BlockOrder, BlockPrefix};
use lpzero_proxy::{AddedAggregate, Node, PartialVisitor, Partials, sum_over_sites};
use lpzero_trace::Weights;

use crate::{Error, Networks, Proxy, Workbench};

impl Workbench {
    /// Hidden channels, and heads of keys with the heads of queries that read them, of every
    /// block, those that add most to a proxy first. What is equal keeps its order.
    ///
    /// One pass of the network shows the tensors of every channel and every head, and the proxy
    /// is evaluated on each by itself, as if the block had no other.
    ///
    /// # Errors
    /// A proxy that is no sum over sites, or takes further passes; a network whose blocks have no
    /// such channels; and what running it says.
    pub fn orders(
        &self,
        id: &str,
        whole: &Architecture,
        weights: Weights,
        proxy: &Proxy,
    ) -> Result<Vec<BlockOrder>, Error> {
        let refused = |reason: &str| Error::Unsorted {
            formula: proxy.name.clone(),
            reason: reason.to_owned(),
        };
        let added = sum_over_sites(&proxy.formula)
            .ok_or_else(|| refused("it is no sum over sites, such as sum(sum(abs(W * G)))"))?;
        if added.len() > 1 && added.iter().any(|aggregate| aggregate.is_mean) {
            return Err(refused("it adds a mean over sites to something else"));
        }
        let formulas: Vec<Node> = added.iter().map(|one| one.node.clone()).collect();
        let pieces: Option<Vec<Vec<BlockPrefix>>> = (whole.blocks.iter())
            .map(|block| pieces(block, whole))
            .collect();
        let pieces = pieces.ok_or_else(|| {
            refused("blocks have several hidden layers, or heads as wide as the width allows")
        })?;
        let visitor = PartialVisitor::new(&formulas, pieces)
            .map_err(|reason| refused(&reason.to_string()))?;
        let mut networks = Networks::new();
        networks.add_weighted(id, whole.clone(), weights);
        let fresh = |_: &Architecture| visitor.clone();
        let sign = f64::from(proxy.sign);
        let finish = |visitor: PartialVisitor, _| worth(&visitor.finish(), &added, sign);
        let rows = self.visit("running the network", &networks, fresh, finish)?;
        let worth = rows.into_iter().next().flatten();
        let worth = worth.ok_or_else(|| refused("it says nothing of single channels"))?;
        let orders = whole.blocks.iter().zip(&worth).map(|(block, worth)| {
            let channels = block.feed_forward.hidden.iter().sum();
            let (channels, heads) = worth.split_at(worth.len().min(channels));
            BlockOrder {
                channels: largest_first(channels),
                key_heads: largest_first(heads),
            }
        });
        Ok(orders.collect())
    }
}

/// Every hidden channel of a block, then every head of keys, as pieces of it.
fn pieces(block: &Block, network: &Architecture) -> Option<Vec<BlockPrefix>> {
    let [channels] = block.feed_forward.hidden[..] else {
        return None;
    };
    let attention = block.mixer.grouped()?;
    let mut channel = block.clone();
    channel.feed_forward.hidden = vec![1];
    let mut head = block.clone();
    head.mixer = GroupedAttention {
        heads: attention.heads / attention.key_value_heads.max(1),
        key_value_heads: 1,
        ..*attention
    }
    .into();
    let mut pieces = BlockPrefix::pieces(&channel, block, network, channels)?;
    let heads = attention.key_value_heads;
    pieces.extend(BlockPrefix::pieces(&head, block, network, heads)?);
    Some(pieces)
}

/// What each piece of each block adds; larger is better.
fn worth(partials: &Partials, added: &[AddedAggregate], sign: f64) -> Option<Vec<Vec<f64>>> {
    let mut sums: Option<Vec<Vec<f64>>> = None;
    for (formula, aggregate) in added.iter().enumerate() {
        // A mean is a sum over so many sites, which changes no order.
        let mut more = partials.contributions(formula, false)?;
        let factor = sign * aggregate.coefficient;
        more.iter_mut().flatten().for_each(|worth| *worth *= factor);
        match &mut sums {
            None => sums = Some(more),
            Some(sums) => {
                let pairs = sums.iter_mut().flatten().zip(more.into_iter().flatten());
                pairs.for_each(|(sum, more)| *sum += more);
            }
        }
    }
    sums
}

/// Numbers of what is largest first; what is no number comes last.
fn largest_first(worth: &[f64]) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..worth.len()).collect();
    let key = |number: usize| match worth[number].is_nan() {
        true => f64::NEG_INFINITY,
        false => worth[number],
    };
    numbers.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_comes_last_and_equals_keep_their_order() {
        assert_eq!(largest_first(&[1.0, f64::NAN, 3.0, 1.0]), [2, 0, 3, 1]);
    }
}
