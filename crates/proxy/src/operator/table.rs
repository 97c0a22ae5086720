//! The table: one row per operator.

use lpzero_trace::{Moments, ShapedMoment, Symbol};

use super::decompositions::*;
use super::kernels::*;
use super::row::{
    Decomposition, Direction, Domain, Factor, Fixity, Form, Kernel, Kind, Operator, Parity, Range,
    Sample, Whole,
};

use Direction::{Decreasing, Increasing};
use Domain::{All, NonNegative, NonZero, Positive};

/// Every operator of the language.
///
/// Sampling weights are the paper's for its own operations (.1 for a unary
/// one, .2 for `disconnect`; `mean`, which stands for two of them, counts
/// twice). The first number of a row is its place in the canonical order: a new
/// row may stand anywhere and takes a number that is free. Precedences: `+ -` 10,
/// `* / @` 20, prefix `-` 30, `^` 40.
#[rustfmt::skip]
pub static OPERATORS: &[Operator] = &[
    // Elementwise: any type, each number on its own.
    unary(10, "log", elementwise!(x => x.ln()), r"\log\left(#1\right)", "Natural logarithm; NaN below 0, -infinity at 0.")
        .on(Positive).monotone(Increasing, Positive).inverse("exp").paper(0.1).factor(Factor::Function),
    unary(20, "abslog", elementwise!(x => x.abs().ln()), r"\log\left|#1\right|", "Natural logarithm of |x|; -infinity at 0 (the released code replaces zeros by 1 first).")
        .on(NonZero).monotone(Increasing, Positive).even().inverse("exp").paper(0.1),
    unary(30, "abs", elementwise!(x => x.abs()), r"\left|#1\right|", "Absolute value.")
        .homogeneous().monotone(Increasing, NonNegative).even().range(Range::NonNegative).idempotent().paper(0.1),
    unary(40, "square", elementwise!(x => x * x), r"{#1}^{2}", "x * x.")
        .monotone(Increasing, NonNegative).even().range(Range::NonNegative).inverse("sqrt").alias(&["pow2"]).paper(0.1).factor(Factor::Function),
    unary(50, "exp", elementwise!(x => x.exp()), r"\exp\left(#1\right)", "Exponential.")
        .monotone(Increasing, All).range(Range::Positive).inverse("log").paper(0.1),
    unary(60, "relu", elementwise!(x => if x < 0.0 { 0.0 } else { x }), r"\operatorname{relu}\left(#1\right)", "max(x, 0).")
        .homogeneous().range(Range::NonNegative).idempotent().paper(0.1),
    unary(70, "reciprocal", elementwise!(x => 1.0 / x), r"\frac{1}{#1}", "1 / x; infinite at 0.")
        .on(NonZero).monotone(Decreasing, Positive).odd().range(Range::Argument).inverse("reciprocal").alias(&["invert"]).paper(0.1).factor(Factor::Function),
    unary(80, "sigmoid", elementwise!(x => 1.0 / (1.0 + (-x).exp())), r"\sigma\left(#1\right)", "1 / (1 + exp(-x)).")
        .monotone(Increasing, All).range(Range::Positive).paper(0.1),
    unary(90, "tanh", elementwise!(x => x.tanh()), r"\tanh\left(#1\right)", "Hyperbolic tangent.")
        .monotone(Increasing, All).odd().range(Range::Argument),
    unary(100, "sqrt", elementwise!(x => x.sqrt()), r"\sqrt{#1}", "Square root; NaN below 0.")
        .on(NonNegative).monotone(Increasing, NonNegative).range(Range::NonNegative).paper(0.1).factor(Factor::Function),
    unary(110, "cbrt", elementwise!(x => x.cbrt()), r"\sqrt[3]{#1}", "Cube root.")
        .monotone(Increasing, All).odd().range(Range::Argument),
    unary(120, "neg", elementwise!(x => -x), r"-#1", "-x.")
        .homogeneous().fixity(Fixity::Prefix("-")).monotone(Decreasing, All).odd().range(Range::Opposite).inverse("neg").alias(&["revert"]).paper(0.1),
    unary(130, "no_op", elementwise!(x => x), r"#1", "x itself.")
        .homogeneous().monotone(Increasing, All).odd().range(Range::Argument).idempotent().paper(0.1),
    unary(140, "disconnect", Kernel::None, r"\operatorname{disconnect}\left(#1\right)", "Drops its branch: a binary operation is then its other argument, a formula of nothing else is NaN.")
        .kind(Kind::Disconnect).paper(0.2),

    // Whole tensors.
    tensor(150, "normalize", Kind::Tensorwise, normalize, r"\operatorname{normalize}\left(#1\right)", "(x - mean) / standard deviation over the tensor; NaN where it is constant.")
        .paper(0.1),
    tensor(160, "min_max_normalize", Kind::Tensorwise, min_max_normalize, r"\operatorname{minmax}\left(#1\right)", "(x - min) / (max - min) over the tensor; NaN where it is constant.")
        .range(Range::NonNegative).idempotent().paper(0.1),

    // Along dimension 0.
    tensor(170, "softmax", Kind::Fibre, softmax, r"\operatorname{softmax}\left(#1\right)", "Softmax along dimension 0.")
        .range(Range::Positive).paper(0.1),
    tensor(180, "logsoftmax", Kind::Fibre, log_softmax, r"\operatorname{logsoftmax}\left(#1\right)", "Logarithm of the softmax along dimension 0.")
        .range(Range::NonPositive).paper(0.1),

    // Reductions: tensor -> one number per site.
    reduction(190, "mean", mean, |m, form| Some(form_sum(m, form)? / m.count as f64), r"\operatorname{mean}\left(#1\right)", "Mean.")
        .homogeneous().odd().range(Range::Argument).alias(&["normalized_sum", "to_mean_scalar"]).paper(0.2).factor(Factor::Reduction(&[&["square"], &["abs", "sqrt"]])),
    reduction(200, "sum", sum, form_sum, r"\operatorname{sum}\left(#1\right)", "Sum over all elements (mean of the sample times the number of elements, where a sample is read).")
        .homogeneous().odd().range(Range::Argument).weight(0.1).factor(Factor::Reduction(&[&["abs"], &["square"]])),
    reduction(210, "std", std_sample, form_std, r"\operatorname{std}\left(#1\right)", "Standard deviation over all elements (divided by n, where PyTorch's default and the released code divide by n - 1).")
        .homogeneous().even().range(Range::NonNegative).alias(&["to_std_scalar"]).paper(0.1).factor(Factor::Reduction(&[&[]])),
    reduction(220, "min", min_sample, form_min, r"\operatorname{min}\left(#1\right)", "Smallest element (of the sample, where one is read).")
        .homogeneous().range(Range::Argument).weight(0.05),
    reduction(230, "max", max_sample, form_max, r"\operatorname{max}\left(#1\right)", "Largest element (of the sample, where one is read).")
        .homogeneous().range(Range::Argument).weight(0.05).factor(Factor::Reduction(&[&[]])),
    reduction(240, "l1", l1, |m, form| Some(form_sum_abs(m, form)? / m.count as f64), r"\operatorname{mean}\left|#1\right|", "Mean of |x|.")
        .homogeneous().even().range(Range::NonNegative).alias(&["l1_norm"]).paper(0.1).factor(Factor::Reduction(&[&[]])),
    reduction(250, "l2", l2, |m, form| Some(form_sum_square(m, form)?.sqrt()), r"\left\lVert #1\right\rVert_2", "Euclidean (Frobenius) norm.")
        .homogeneous().even().range(Range::NonNegative).alias(&["frobenius_norm"]).paper(0.1).factor(Factor::Reduction(&[&[]])),
    symbol(260, "confidence", ShapedMoment::Confidence, r"\operatorname{confidence}\left(#1\right)", "Mean over all other dimensions of the maximum along dimension 1 (Serianni & Kalita 2023).")
        .factor(Factor::Symbols(&[Symbol::A, Symbol::H, Symbol::S])),
    symbol(270, "code_agreement", ShapedMoment::CodeAgreement, r"\operatorname{agreement}\left(#1\right)", "Sum over pairs of rows (tokens) of the number of columns (units) with equal sign (Mellor et al. 2021).")
        .range(Range::NonNegative).factor(Factor::Symbols(&[Symbol::A])),

    // Reductions of whole tensors, rows being all dimensions but the last: exact scoring only.
    whole(280, "nuclear", nuclear, r"\left\lVert #1\right\rVert_*", "Nuclear norm: the sum of the singular values.")
        .takes(Decomposition::Eigenvalues)
        .homogeneous().even().range(Range::NonNegative),
    whole(290, "spectral_norm", spectral_norm, r"\left\lVert #1\right\rVert_{\sigma}", "Spectral norm: the largest singular value.")
        .takes(Decomposition::Eigenvalues)
        .homogeneous().even().range(Range::NonNegative),
    whole(300, "logdet_agreement", logdet_agreement, r"\log\left|K\left(#1\right)+I\right|", "Log of det(K + 1), K(i, j) being the number of columns (units) with equal sign in rows (tokens) i and j, 1 the identity, without which equal rows make it infinite (after Mellor et al. 2021).")
        .takes(Decomposition::Determinant),
    whole(310, "distinct_codes", distinct_codes, r"\operatorname{codes}\left(#1\right)", "Number of different sign patterns over rows (tokens) that columns (units) have (Peng et al. 2024).")
        .range(Range::NonNegative),
    whole(320, "least_correlation", least_correlation, r"\lambda_{\min}\left(#1\right)", "Smallest eigenvalue of the correlation matrix of the columns, or of the rows where they are fewer (Jiang et al. 2023).")
        .takes(Decomposition::Eigenvalues),
    whole(330, "pca_dimension", pca_dimension, r"\operatorname{dim}_{.99}\left(#1\right)", "Fewest principal components with 99 % of the variance of the rows (tokens).")
        .takes(Decomposition::Eigenvalues)
        .even().range(Range::NonNegative),
    whole(340, "pca_entropy", pca_entropy, r"\operatorname{H}\left(\lambda\left(#1\right)\right)", "Entropy in nats of the normalised variances of the principal components of the rows (tokens).")
        .takes(Decomposition::Eigenvalues)
        .even().range(Range::NonNegative),
    whole(350, "row_cosine", row_cosine, r"\operatorname{cosine}\left(#1\right)", "1 - mean over pairs of rows that are not zero of |cosine|^(1/20) (Celotti et al. 2020).")
        .takes(Decomposition::Pairs),
    whole(360, "row_covariance", row_covariance, r"\operatorname{covariance}\left(#1\right)", "-sum of log(v + k) + 1 / (v + k) over the eigenvalues v of the correlation matrix of the rows that are not zero, k = 1e-5 (Mellor et al. 2021, version 1).")
        .takes(Decomposition::Eigenvalues),
    whole(370, "channel_square", channel_square, r"\operatorname{channels}\left(#1\right)", "Of a tensor (batch, positions, channels): sum over channels of the mean over the batch of the squared sum over positions.")
        .even().range(Range::NonNegative),
    whole(380, "spectral_capacity", spectral_capacity, r"\psi\left(#1\right)", "log det(1 + Wᵀ W) that random elements with variance 2 / (rows + columns) would have in expectation; the shape alone counts (Zhu et al. 2026).")
        .even().range(Range::NonNegative),
    whole(390, "spectral_mean", spectral_mean, r"\operatorname{mean}\left(\sigma^2\left(#1\right)\right)", "Mean of the squared singular values: the squared norm divided by the smaller of rows and columns.")
        .even().range(Range::NonNegative),
    whole(400, "sign_logdet", sign_logdet, r"\log\left|S S^\top\right|_{S=\operatorname{sign}\left(#1\right)}", "Log of det(S Sᵀ), S being the signs of the elements; minus infinity where that is singular.")
        .takes(Decomposition::RowDeterminant),

    // Aggregators: one number per site or layer -> one per layer or architecture.
    aggregator(410, "sum", sum_all, r"\sum#0 #1", "Sum; 0 over no sites at all.").homogeneous().odd().range(Range::Argument).weight(0.4).factor(Factor::OverFunctions),
    aggregator(420, "mean", mean_all, r"\operatorname{mean}#0\left(#1\right)", "Mean.").homogeneous().odd().range(Range::Argument).weight(0.2).factor(Factor::OverFunctions),
    aggregator(430, "max", max_all, r"\max#0 #1", "Largest.").homogeneous().range(Range::Argument).weight(0.1),
    aggregator(440, "min", min_all, r"\min#0 #1", "Smallest.").homogeneous().range(Range::Argument).weight(0.1),
    aggregator(450, "std", std_all, r"\operatorname{std}#0\left(#1\right)", "Standard deviation (divided by n).").homogeneous().even().range(Range::NonNegative).weight(0.1),
    aggregator(460, "last", last, r"\operatorname{last}#0\left(#1\right)", "The last site (by layer, then role); those outside the blocks come first.").homogeneous().odd().range(Range::Argument).weight(0.05),
    aggregator(470, "first", first, r"\operatorname{first}#0\left(#1\right)", "The first site (by layer, then role); those outside the blocks come first.").homogeneous().odd().range(Range::Argument).weight(0.05),

    // Binary: number by number.
    binary(480, "add", Fixity::Left("+", 10), binary!(a, b => a + b), r"#1 + #2", "Sum.")
        .commutative().associative().range(Range::Argument).alias(&["sum"]).paper(0.6),
    binary(490, "sub", Fixity::Left("-", 10), binary!(a, b => a - b), r"#1 - #2", "Difference.")
        .alias(&["difference", "subtract"]).paper(0.3),
    binary(500, "mul", Fixity::Left("*", 20), binary!(a, b => a * b), r"#1 \cdot #2", "Product, element by element.")
        .commutative().associative().range(Range::Product).alias(&["product"]).paper(0.05),
    binary(510, "div", Fixity::Left("/", 20), binary!(a, b => a / b), r"\frac{#1}{#2}", "Quotient; not finite where the divisor is 0.")
        .range(Range::Product).weight(0.1),
    binary(520, "maximum", Fixity::Call, binary!(a, b => if a > b || a.is_nan() { a } else { b }), r"\max\left(#1, #2\right)", "The larger of two.")
        .commutative().associative().idempotent().range(Range::Argument).alias(&["max"]).weight(0.03),
    binary(530, "minimum", Fixity::Call, binary!(a, b => if a < b || a.is_nan() { a } else { b }), r"\min\left(#1, #2\right)", "The smaller of two.")
        .commutative().associative().idempotent().range(Range::Argument).alias(&["min"]).weight(0.03),
    binary(540, "matmul", Fixity::Left("@", 20), Kernel::Product(transposed_product), r"{#1}^{\top} #2", "Matrix product of the transposed left with the right tensor: dimension 0 is contracted.")
        .kind(Kind::Product).paper(0.05),
    binary(550, "pow", Fixity::Right("^", 40), binary!(a, b => a.powf(b)), r"{#1}^{#2}", "Power with a constant exponent; NaN for a fractional power of a negative number.")
        .kind(Kind::Power).alias(&["power"]).weight(0.1),
];

const PLAIN: Operator = Operator {
    order: 0,
    name: "",
    aliases: &[],
    kind: Kind::Elementwise,
    fixity: Fixity::Call,
    domain: All,
    range: Range::Any,
    commutative: false,
    associative: false,
    idempotent: false,
    monotone: None,
    parity: Parity::None,
    homogeneous: false,
    inverse_of: None,
    complexity: 1,
    weight: 0.1,
    paper: false,
    factor: Factor::Plain,
    latex: "",
    doc: "",
    decomposition: None,
    kernel: Kernel::None,
};

const fn unary(
    order: u16,
    name: &'static str,
    kernel: Kernel,
    latex: &'static str,
    doc: &'static str,
) -> Operator {
    Operator {
        order,
        name,
        kernel,
        latex,
        doc,
        ..PLAIN
    }
}

const fn tensor(
    order: u16,
    name: &'static str,
    kind: Kind,
    kernel: fn(&mut [f32], usize),
    latex: &'static str,
    doc: &'static str,
) -> Operator {
    unary(order, name, Kernel::Tensor(kernel), latex, doc).kind(kind)
}

const fn reduction(
    order: u16,
    name: &'static str,
    sample: fn(Sample<'_>) -> f64,
    moments: fn(&Moments, Form) -> Option<f64>,
    latex: &'static str,
    doc: &'static str,
) -> Operator {
    unary(order, name, Kernel::Reduce { sample, moments }, latex, doc).kind(Kind::Reduction)
}

const fn symbol(
    order: u16,
    name: &'static str,
    moment: ShapedMoment,
    latex: &'static str,
    doc: &'static str,
) -> Operator {
    unary(order, name, Kernel::Moment(moment), latex, doc).kind(Kind::SymbolReduction)
}

const fn whole(
    order: u16,
    name: &'static str,
    kernel: fn(Whole<'_>) -> f64,
    latex: &'static str,
    doc: &'static str,
) -> Operator {
    unary(order, name, Kernel::Whole(kernel), latex, doc).kind(Kind::Decomposition)
}

const fn aggregator(
    order: u16,
    name: &'static str,
    kernel: fn(&[f64]) -> f64,
    latex: &'static str,
    doc: &'static str,
) -> Operator {
    unary(order, name, Kernel::Aggregate(kernel), latex, doc).kind(Kind::Aggregator)
}

const fn binary(
    order: u16,
    name: &'static str,
    fixity: Fixity,
    kernel: Kernel,
    latex: &'static str,
    doc: &'static str,
) -> Operator {
    unary(order, name, kernel, latex, doc)
        .kind(Kind::Binary)
        .fixity(fixity)
}

/// The words of a row.
impl Operator {
    const fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    const fn fixity(mut self, fixity: Fixity) -> Self {
        self.fixity = fixity;
        self
    }

    const fn alias(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }

    const fn on(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }

    const fn range(mut self, range: Range) -> Self {
        self.range = range;
        self
    }

    const fn monotone(mut self, direction: Direction, domain: Domain) -> Self {
        self.monotone = Some((direction, domain));
        self
    }

    const fn even(mut self) -> Self {
        self.parity = Parity::Even;
        self
    }

    const fn odd(mut self) -> Self {
        self.parity = Parity::Odd;
        self
    }

    const fn takes(mut self, decomposition: Decomposition) -> Self {
        self.decomposition = Some(decomposition);
        self
    }

    const fn homogeneous(mut self) -> Self {
        self.homogeneous = true;
        self
    }

    const fn commutative(mut self) -> Self {
        self.commutative = true;
        self
    }

    const fn associative(mut self) -> Self {
        self.associative = true;
        self
    }

    const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    const fn inverse(mut self, name: &'static str) -> Self {
        self.inverse_of = Some(name);
        self
    }

    const fn factor(mut self, factor: Factor) -> Self {
        self.factor = factor;
        self
    }

    const fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    const fn paper(mut self, weight: f64) -> Self {
        self.paper = true;
        self.weight = weight;
        self
    }
}
