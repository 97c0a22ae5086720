//! The human-designed proxies, as formulas.

use crate::{Node, parse};

/// A proxy with a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Named {
    /// Name, which formulas may use.
    pub name: &'static str,
    /// Formula as text.
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
    /// Where this reading differs from a paper or a released implementation;
    /// empty where it is not known to.
    pub note: &'static str,
}

/// Every named proxy; the first ones need no network.
#[rustfmt::skip]
pub const NAMED: &[Named] = &[
    proxy("params", "params", "All parameters of the network.", "count"),
    proxy("decoder_params", "decoder_params", "Parameters of attention and feed-forward maps.", "Javaheripi et al. 2022 (LiteTransformerSearch)"),
    proxy("flops", "flops", "Floating-point operations of one forward pass over one token.", "count"),
    proxy("layers", "layers", "Number of blocks.", "count"),
    proxy("depth2_width", "layers ^ 2 * width", "Blocks squared times width of the residual stream.", "two numbers and no network: the bar for every other proxy").fitted(),
    proxy("lpzero", "sum[query](sqrt(sum(abs(D))))", "Found on real decoders: root of the absolute gradient that reaches the queries of a block, summed over blocks.", "this project, found by `lpzero search` on openlm, gemstones, flexibert and lts-gpt2-wt103 (docs/lab/carry-over.md)").fitted(),
    proxy("grad_norm", "sum(l2(G))", "Sum over all maps of the norm of the weight gradient.", "Abdelfattah et al. 2021"),
    proxy("snip", "sum(sum(abs(W * G)))", "First-order effect of removing each weight, summed over all maps.", "Lee et al. 2019; summed as in Abdelfattah et al. 2021")
        .note("Biases and norms are not counted."),
    proxy("synaptic_saliency", "sum[ffn](sum(abs(W * G)))", "SNIP over the feed-forward maps.", "Tanaka et al. 2020; roles as in Serianni & Kalita 2023"),
    proxy("synaptic_saliency_per_layer", "sum[ffn](sum(abs(W * G))) / layers", "Synaptic saliency divided by the number of layers.", "Serianni & Kalita 2023")
        .note(PER_LAYER),
    proxy("head_importance", "sum[attn](sum(abs(W * G)))", "SNIP over the attention maps.", "Michel et al. 2019; as in Serianni & Kalita 2023")
        .note("The code of Serianni & Kalita leaves out the output map; the one released with LPZero for GPT-2 takes every map of the blocks, attention or not, which makes it snip."),
    proxy("head_importance_per_layer", "sum[attn](sum(abs(W * G))) / layers", "Head importance divided by the number of layers.", "Serianni & Kalita 2023")
        .note(PER_LAYER),
    proxy("plain", "sum(sum(W * G))", "Weights times their gradients, summed over all maps.", "Mozer & Smolensky 1988; named so in Abdelfattah et al. 2021")
        .note("A sum of terms of both signs, near zero by symmetry at initialisation: single precision keeps few of its digits."),
    proxy("grasp", "-sum(sum(W * Hg))", "How the squared norm of the gradient would change if weights were removed: minus weights times Hessian times gradient.", "Wang et al. 2020")
        .note("The product with the Hessian is exact. The paper's own code splits the batch in two halves and divides logits by a temperature of 200; the later ones (zero-cost-nas, NASLib, LPZero) do neither, nor do we."),
    proxy("fisher", "sum[block](0.5 * channel_square(A * D))", "Per output channel, half of the mean over sequences of the squared sum over positions of activation times its gradient; summed over channels and maps.", "Theis et al. 2018; Turner et al. 2020")
        .note("The released code for transformers takes the mean over positions of one flattened batch, we the mean over sequences of sums over positions, as Turner et al. do over space. It also counts each channel as often as it has weights, which we do not."),
    proxy("synflow", "log(sum(sum(abs(W * Gf))))", "Logarithm of synaptic flow: all weights replaced by their absolute values, inputs all ones, norms switched off, the loss being the sum of the outputs.", "Tanaka et al. 2020")
        .note("Tanaka et al. take the flow itself, which leaves double precision in a LLaMA of ten blocks; its logarithm ranks alike. Runs from the first block's input to the last hidden state in double precision; embeddings and head have no part in it. One sequence stands for all, which are equal, and one position where blocks only attend: the gradients of query and key maps, which vanish there in exact arithmetic, are then 0, where released codes have rounding noise that grows with depth."),
    proxy("logsynflow", "sum(sum(abs(W) * Lf))", "Synaptic flow with log(1 + |gradient|) in place of the gradient.", "Cavagnero et al. 2023 (FreeREA)")
        .note("As synflow. The code released with LPZero takes W |log |G|| instead, with norms on, which grows as gradients shrink."),
    proxy("zico", "sum[block](log(sum(Gr)))", "Per map, the logarithm of the sum over its weights of mean over standard deviation of |gradient| across sequences; summed over the maps of the blocks.", "Li et al. 2023")
        .note("Every sequence of the minibatch stands for one of the paper's batches. The released code divides by the deviation of the gradient, the paper by that of its absolute value; we follow the paper. Weights without spread are left out, as in the released code."),
    proxy("synaptic_diversity", "sum[attn](nuclear(W) * nuclear(G))", "Nuclear norm of the weights times that of their gradients, summed over the attention maps.", "Zhou et al. 2022 (DSS)")
        .note("The code released with LPZero for GPT-2 takes every map of the blocks, and query, key and value as one matrix."),
    proxy("synaptic_diversity_per_layer", "sum[attn](nuclear(W) * nuclear(G)) / layers", "Synaptic diversity divided by the number of layers.", "Serianni & Kalita 2023")
        .note(PER_LAYER),
    proxy("head_confidence", "sum[attn](confidence(H))", "Mean maximum of the head outputs, summed over the maps.", "Serianni & Kalita 2023")
        .note("The maximum is taken along dimension 1, which is the positions of a head output."),
    proxy("head_confidence_per_layer", "sum[attn](confidence(H)) / layers", "Head confidence divided by the number of layers.", "Serianni & Kalita 2023")
        .note(PER_LAYER),
    proxy("softmax_confidence", "sum(confidence(S))", "Mean maximum of the attention probabilities, summed over layers.", "Serianni & Kalita 2023")
        .note("The maximum is taken along dimension 1, which is the heads."),
    proxy("softmax_confidence_per_layer", "sum(confidence(S)) / layers", "Softmax confidence divided by the number of layers.", "Serianni & Kalita 2023")
        .note(PER_LAYER),
    proxy("activation_distance", "sum[ffn-in, ffn-hidden](code_agreement(A))", "Agreeing signs of feed-forward units over all pairs of tokens (GELU keeps the sign of its input).", "Mellor et al. 2021; summed as in Serianni & Kalita 2023")
        .note("All tokens of the minibatch are paired; the code of Serianni & Kalita takes those of its first sequence."),
    proxy("activation_distance_per_layer", "sum[ffn-in, ffn-hidden](code_agreement(A)) / layers", "Activation distance divided by the number of layers.", "Serianni & Kalita 2023")
        .note(PER_LAYER),
    proxy("naswot", "sum[ffn-in, ffn-hidden](logdet_agreement(A))", "Logarithm of the determinant of the kernel of agreeing signs between tokens, its diagonal raised by 1, summed over feed-forward layers.", "Mellor et al. 2021")
        .note("The determinant is taken per layer and its logarithms are summed; the released code for convolutions sums kernels first. Released codes take the kernel as it is, which is singular where two tokens share a code or tokens outnumber units; we add 1 to its diagonal, as if each token had a unit of its own."),
    proxy("swap", "sum[ffn-in, ffn-hidden](distinct_codes(A))", "Number of different sign patterns over tokens that feed-forward units show, summed over layers.", "Peng et al. 2024 (SWAP-NAS)")
        .note("Counted per layer, where the paper takes one set for the whole network; a pattern that two layers share counts twice."),
    proxy("jacobian_cosine", "sum[position](row_cosine(G))", "One minus the mean over pairs of positions of |cosine|^(1/20) between gradients with respect to position embeddings.", "Celotti et al. 2020; as in Serianni & Kalita 2023")
        .note("The code of Serianni & Kalita transposes the gradient, and so correlates embedding dimensions where we correlate positions; its sum over pairs is halved once more, which no ranking sees."),
    proxy("jacobian_covariance", "sum[position](row_covariance(G))", "Eigenvalues v of the correlation between gradients with respect to position embeddings: -sum(log(v + k) + 1 / (v + k)), k = 1e-5.", "Mellor et al. 2021, first version; as in Serianni & Kalita 2023")
        .note("The code of Serianni & Kalita correlates embedding dimensions where we correlate positions."),
    proxy("meco", "sum[block](least_correlation(A))", "Smallest eigenvalue of the correlation matrix of a map's output, summed over the maps of the blocks.", "Jiang et al. 2023 (MeCo)")
        .note("The paper correlates channels over space. Where a map has more channels than the minibatch tokens, that eigenvalue is zero by rank, so we correlate the fewer of channels and tokens. The released code takes the first sample alone, and every module, containers too."),
    proxy("v_pca", "sum[ffn-in](pca_dimension(A))", "Principal components of the first feed-forward map's output that hold 99 % of its variance, summed over layers.", "Wang 2025 (W-PCA), vanilla PCA"),
    proxy("w_pca", "params * sum[ffn-in](pca_dimension(A))", "The same times the number of parameters.", "Wang 2025 (W-PCA), weight-weighted PCA")
        .note("Parameters are those of the whole network."),
    proxy("az_expressivity", "sum[ffn-out](pca_entropy(A))", "Entropy of the normalised variances of the principal components of each block's features, summed over blocks.", "Lee & Ham 2024 (AZ-NAS)")
        .note("Features are the outputs of the last feed-forward map, before the residual sum; the paper's input is Gaussian noise, ours the minibatch."),
    proxy("az_trainability", "mean[block](2 - spectral_norm(Jr) - 1 / spectral_norm(Jr))", "How near to 1 the spectral norm of the Jacobian of every half of a block is, tried with random signs in place of gradients: 2 - norm - 1 / norm, a mean over halves.", "Lee & Ham 2024 (AZ-NAS)")
        .note("Halves are the mixer and the feed-forward network, each with residual sum and norm. Their code adds 1e-6 to the divisor; the paper's input is Gaussian noise, ours the minibatch."),
    proxy("neural_spectral_capacity", "sum[block](spectral_capacity(W))", "Expected log det(1 + Wᵀ W) of random matrices of the shapes of the maps, summed over the maps of the blocks.", "Zhu et al. 2026 (arXiv 2609.23087)")
        .note("With their default scale, variance 2 / (rows + columns). Query, key and value count as whole maps, where the paper counts each head and its code for FlexiBERT the three as one."),
    proxy("zerolm", "sum[attn](spectral_mean(W)) + sum[ffn](spectral_mean(W))", "Mean squared singular value of every map, summed over attention and feed-forward maps.", "Chen et al. 2025 (ZeroLM, arXiv 2503.18646)")
        .note("The paper weights the two sums by a constant that is fitted on the benchmark; we weight them equally. The capacity of a map is as in the code that compares with it (neural-spectral-capacity); the paper itself could be read as abstract only."),
    proxy("eznas", "sum[block](sigmoid(sign_logdet(G)))", "Program EZNAS-A: log-determinant of the signs of the weight gradient, through a sigmoid, summed over the maps of the blocks.", "Akhauri et al. 2022; read for transformers by Dong et al. 2024")
        .note("The original looks at convolutions under random input. The sigmoid saturates, so that this counts the maps whose signs have an inverse: those with no more outputs than inputs."),
    proxy("lpzero_gpt2", "mean[ffn, value, out](l1(square(W)) + mean(square(softmax(G))))", "Found on GPT-2: weights squared and reduced, plus gradients after softmax and square, a mean over the four maps of each block.", "Dong et al. 2024").negative().fitted()
        .note("The released fitness rewarded correlation with perplexity, so that smaller is better. Their code has query, key and value as one matrix, for which the value map stands here."),
    proxy("lpzero_bert", "mean(mean(square(H)))", "Found on FlexiBERT: mean square of the head outputs.", "Dong et al. 2024").fitted()
        .note("The released code looks at the query map alone."),
];

/// Meaning of the authors' "normalised".
const PER_LAYER: &str = "The code of Serianni & Kalita divides by the number of matrices (or of observed outputs) in the sum, where we divide by the number of layers.";

/// Published proxies that are not in the table, and why.
pub const ABSENT: &[(&str, &str)] = &[(
    "AZ-NAS progressivity (Lee & Ham 2024)",
    "The smallest growth of expressivity from block to block; its authors leave it out for transformers, whose features keep their width.",
)];

/// Product of the ranks that several proxies give an architecture among others. It says nothing of one architecture alone, so it is no formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankProduct {
    /// Name in commands.
    pub name: &'static str,
    /// Named proxies.
    pub parts: &'static [&'static str],
    /// One sentence on what it is.
    pub definition: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Where this reading differs from a paper or a released implementation.
    pub note: &'static str,
}

/// Every rank product.
pub const RANK_PRODUCTS: &[RankProduct] = &[RankProduct {
    name: "az_nas",
    parts: &["az_expressivity", "az_trainability", "flops"],
    definition: "Sum over expressivity, trainability and FLOPs of log(rank / n), the worst of the n architectures having rank 1.",
    source: "Lee & Ham 2024 (AZ-NAS)",
    note: "Without progressivity, as in their search of transformers. Equal scores share the mean of their ranks.",
}];

/// The rank product of this name.
pub fn find_product(name: &str) -> Option<&'static RankProduct> {
    RANK_PRODUCTS.iter().find(|product| product.name == name)
}

impl RankProduct {
    /// Text that stands for a formula.
    pub fn text(&self) -> String {
        format!("product of the ranks of {}", self.parts.join(", "))
    }
}

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
        note: "",
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

    /// Marks a proxy whose smaller scores promise better networks.
    const fn negative(mut self) -> Self {
        self.sign = -1;
        self
    }

    /// Says where the reading differs.
    const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
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
    fn rank_products_are_of_named_proxies() {
        for product in RANK_PRODUCTS {
            assert!(find(product.name).is_none());
            assert!(product.parts.iter().all(|part| find(part).is_some()));
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
