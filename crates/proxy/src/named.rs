//! The human-designed proxies, as formulas.

use crate::{Node, parse};

/// A proxy with a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Named {
    /// Its name, which formulas may use.
    pub name: &'static str,
    /// Its formula.
    pub formula: &'static str,
    /// 1 where larger scores promise better networks, -1 where smaller ones do.
    pub sign: i8,
    /// Whether it was chosen on a published ground truth, so that a search there
    /// must not start from it.
    pub fitted: bool,
    /// One sentence on what it is.
    pub definition: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// Every named proxy; the first ones need no network.
#[rustfmt::skip]
pub const NAMED: &[Named] = &[
    proxy("params", "params", "All parameters of the network.", "count"),
    proxy("decoder_params", "decoder_params", "Parameters of attention and feed-forward maps.", "Javaheripi et al. 2022 (LiteTransformerSearch)"),
    proxy("flops", "flops", "Floating-point operations of one forward pass over one token.", "count"),
    proxy("layers", "layers", "Number of blocks.", "count"),
    proxy("depth2_width", "layers ^ 2 * width", "Blocks squared times width of the residual stream.", "two numbers and no network: the bar for every other proxy").fitted(),
    proxy("grad_norm", "sum(l2(G))", "Sum over all maps of the norm of the weight gradient.", "Abdelfattah et al. 2021"),
    proxy("snip", "sum(sum(abs(W * G)))", "First-order effect of removing each weight, summed over all maps.", "Lee et al. 2019"),
    proxy("synaptic_saliency", "sum[ffn](sum(abs(W * G)))", "SNIP over the feed-forward maps.", "Tanaka et al. 2020"),
    proxy("head_importance", "sum[attn](sum(abs(W * G)))", "SNIP over the attention maps.", "Michel et al. 2019"),
    proxy("plain", "sum(sum(W * G))", "Weights times their gradients, summed over all maps.", "Mozer & Smolensky 1988"),
    proxy("head_confidence", "sum[attn](confidence(H))", "Mean maximum of the head outputs, summed over the maps.", "Serianni & Kalita 2023"),
    proxy("head_confidence_per_layer", "sum[attn](confidence(H)) / layers", "Head confidence divided by the number of layers.", "Serianni & Kalita 2023"),
    proxy("softmax_confidence", "sum(confidence(S))", "Mean maximum of the attention probabilities, summed over layers.", "Serianni & Kalita 2023"),
    proxy("activation_distance", "sum[ffn-in, ffn-hidden](code_agreement(A))", "Agreeing signs of feed-forward units over all pairs of tokens (GELU keeps the sign of its input).", "Mellor et al. 2021"),
    proxy("lpzero_gpt2", "mean(l1(square(W)) + mean(square(softmax(G))))", "Found on GPT-2: weights squared and reduced, plus gradients after softmax and square.", "Dong et al. 2024").fitted(),
    proxy("lpzero_bert", "mean(mean(square(H)))", "Found on FlexiBERT: mean square of the head outputs.", "Dong et al. 2024").fitted(),
];

const fn proxy(
    name: &'static str,
    formula: &'static str,
    definition: &'static str,
    source: &'static str,
) -> Named {
    Named {
        name,
        formula,
        sign: 1,
        fitted: false,
        definition,
        source,
    }
}

/// The proxy of this name.
pub fn find(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|proxy| proxy.name == name)
}

impl Named {
    /// Marks a proxy that was chosen on a published ground truth.
    const fn fitted(mut self) -> Self {
        self.fitted = true;
        self
    }

    /// The formula as a tree.
    pub fn node(&self) -> Node {
        parse(self.formula).expect("every named formula parses, as a test shows")
    }
}

/// Whether a formula reads tensors, or a scalar that only a pass gives (the
/// loss). What needs no network is called data-free.
pub fn needs_network(node: &Node) -> bool {
    let mut needs = false;
    node.walk(&mut |part| {
        needs |= match part {
            Node::Symbol(_) => true,
            Node::Scalar(scalar) => scalar.row().needs_pass(),
            _ => false,
        };
    });
    needs
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Type, type_of};

    #[test]
    fn every_named_formula_is_a_score_in_its_printed_form() {
        for proxy in NAMED {
            let node = parse(proxy.formula).unwrap();
            assert_eq!(type_of(&node), Ok(Type::Network), "{}", proxy.name);
            assert_eq!(node.to_string(), proxy.formula, "{}", proxy.name);
            assert_eq!(find(proxy.name), Some(proxy));
        }
    }

    #[test]
    fn formulas_over_counts_need_no_network() {
        let data_free = |name: &str| !needs_network(&find(name).unwrap().node());
        assert!(data_free("params") && data_free("depth2_width"));
        assert!(!data_free("snip") && !data_free("softmax_confidence"));
        assert!(needs_network(&parse("loss / layers").unwrap()));
    }
}
