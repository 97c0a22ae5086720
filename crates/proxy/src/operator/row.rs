//! A row of the operator table, and the words that it is written in.

use std::fmt;

use lpzero_trace::{Moments, ShapedMoment, Symbol};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// Place in the canonical order of operands, smaller first. No two rows
    /// share one, and it never changes: canonical forms hang on it.
    pub order: u16,
    /// Name in formulas. Reductions and aggregators may share a name, as
    /// may operators of different arity; the arguments tell them apart.
    pub name: &'static str,
    /// Other names that parse but are never printed, the paper's among them.
    pub aliases: &'static [&'static str],
    /// Types of its argument and its result.
    pub kind: Kind,
    /// How it is written, if not as `name(argument, ...)`.
    pub fixity: Fixity,
    /// The arguments on which it is defined; elsewhere it yields NaN or an infinity.
    pub domain: Domain,
    /// Sign of its results, as far as it is known.
    pub range: Range,
    /// f(a, b) = f(b, a).
    pub commutative: bool,
    /// f(f(a, b), c) = f(a, f(b, c)).
    pub associative: bool,
    /// f(f(x)) = f(x), or f(x, x) = x.
    pub idempotent: bool,
    /// Whether it keeps or reverses order, and where.
    pub monotone: Option<(Direction, Domain)>,
    /// f(-x) in terms of f(x).
    pub parity: Parity,
    /// f(c x) = c f(x) for c > 0.
    pub homogeneous: bool,
    /// The operator g with f(g(x)) = x wherever g(x) is defined.
    pub inverse_of: Option<&'static str>,
    /// Complexity that it adds to a formula.
    pub complexity: u32,
    /// Relative probability with which search draws it among its [`Kind`]'s arity.
    pub weight: f64,
    /// Whether it belongs to the 21 unary and 4 binary operations of LPZero
    /// (Dong et al. 2024).
    pub paper: bool,
    /// Part that it takes in the factors of a product of powers.
    pub factor: Factor,
    /// TeX, with `#1` and `#2` for the arguments.
    pub latex: &'static str,
    /// One line on what it computes.
    pub doc: &'static str,
    /// Work on a whole tensor that is more than a look at every element; `None` where
    /// there is none.
    pub decomposition: Option<Decomposition>,
    /// Functions that compute it.
    pub kernel: Kernel,
}

/// Work on a whole tensor, as a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decomposition {
    /// Eigenvalues of the product of the matrix with its transpose, the smaller one.
    Eigenvalues,
    /// The determinant of that product, with one more column.
    Determinant,
    /// The determinant of the product of its rows, where they are no more than columns.
    RowDeterminant,
    /// Products of all pairs of rows, none of which is kept.
    Pairs,
}

/// Types of the argument and the result of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One argument of any type, each number on its own.
    Elementwise,
    /// A tensor to a tensor of the same class, every number depending on all.
    Tensorwise,
    /// A tensor to a tensor of the same class, along dimension 0.
    Fibre,
    /// A tensor to one number per site.
    Reduction,
    /// A bare symbol to one number per site, from reductions that no sketch can give.
    SymbolReduction,
    /// A tensor to one number per site, from the whole tensor as a matrix: no
    /// sketch can give it.
    Decomposition,
    /// One number per site or layer to one per layer or architecture.
    Aggregator,
    /// Two arguments, number by number; the one with fewer values is broadcast.
    Binary,
    /// An argument of any type to a constant power.
    Power,
    /// Two tensors of one class, dimension 0 contracted.
    Product,
    /// Drops its branch: a binary operator with a disconnected argument is its
    /// other argument.
    Disconnect,
}

/// Part of an operator in the factors that a search for products of powers
/// multiplies: aggregates of reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// None, or for an aggregator: it aggregates reductions as they are.
    Plain,
    /// A reduction, after each of these chains of elementwise functions, the
    /// innermost first.
    Reduction(&'static [&'static [&'static str]]),
    /// A reduction of these bare symbols.
    Symbols(&'static [Symbol]),
    /// A function of the number of a site, under every
    /// [`Factor::OverFunctions`].
    Function,
    /// An aggregator that is neither indifferent to a monotone function nor
    /// an order statistic: it is also tried over every [`Factor::Function`].
    OverFunctions,
}

/// How an operator is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixity {
    /// `name(argument, ...)`.
    Call,
    /// `-x`.
    Prefix(&'static str),
    /// `a + b`, grouping to the left; larger precedence binds tighter.
    Left(&'static str, u8),
    /// `a ^ b`, grouping to the right.
    Right(&'static str, u8),
}

/// Precedence of prefix operators: tighter than `*`, looser than `^`.
pub const PREFIX_PRECEDENCE: u8 = 30;

/// A set of real numbers on which something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Every number.
    All,
    /// x >= 0.
    NonNegative,
    /// x > 0.
    Positive,
    /// x != 0.
    NonZero,
}

/// Sign of results, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Nothing.
    Any,
    /// Results are >= 0.
    NonNegative,
    /// Results are > 0.
    Positive,
    /// Results are <= 0.
    NonPositive,
    /// Results have the sign of the argument (of all arguments, where they agree).
    Argument,
    /// Results have the sign opposite to the argument's.
    Opposite,
    /// The sign rule of products.
    Product,
}

/// Whether a monotone operator keeps or reverses order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// x < y implies f(x) < f(y).
    Increasing,
    /// x < y implies f(x) > f(y).
    Decreasing,
}

/// Behaviour under a change of sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// f(-x) = f(x).
    Even,
    /// f(-x) = -f(x).
    Odd,
    /// Neither.
    None,
}

/// A sample of a tensor, ready to be reduced.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The sampled elements (all of them, where the evaluation is exact).
    pub values: &'a [f32],
    /// Number of elements that the tensor itself has.
    pub count: f64,
}

/// A whole tensor, as decompositions read it.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// All elements, row-major.
    pub values: &'a [f32],
    /// Size of the first dimension.
    pub first: usize,
    /// Size of the last dimension: the columns of the matrix whose rows are all
    /// other dimensions, flattened.
    pub last: usize,
}

/// The elementwise forms of a tensor whose reductions follow from its [`Moments`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// x.
    Identity,
    /// |x|.
    Abs,
    /// x^2.
    Square,
    /// sqrt(|x|).
    SqrtAbs,
    /// max(x, 0).
    Relu,
}

/// Left and right operand, their numbers of columns, and the result, which
/// has as many rows as the left operand has columns.
pub type ProductKernel = fn(&[f32], &[f32], [usize; 2], &mut Vec<f32>);

/// Functions over buffers, as the evaluators call them.
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    /// One number in, one out; alone and over a buffer in place.
    Elementwise {
        /// In double precision, for scalars.
        scalar: fn(f64) -> f64,
        /// Over a tensor, in place.
        slice: fn(&mut [f32]),
    },
    /// A whole tensor in place, laid out as (rows = dimension 0, columns);
    /// the second argument is the number of columns.
    Tensor(fn(&mut [f32], usize)),
    /// A tensor to a number.
    Reduce {
        /// From (a sample of) its elements.
        sample: fn(Sample<'_>) -> f64,
        /// From exact moments of x, for the mean, standard deviation, ... of a
        /// form of x; `None` for the forms whose reduction does not follow.
        moments: fn(&Moments, Form) -> Option<f64>,
    },
    /// One of the exact moments of a symbol.
    Moment(ShapedMoment),
    /// A whole tensor to a number.
    Whole(fn(Whole<'_>) -> f64),
    /// Several numbers to one.
    Aggregate(fn(&[f64]) -> f64),
    /// Two numbers in, one out.
    Binary {
        /// In double precision, for scalars.
        scalar: fn(f64, f64) -> f64,
        /// Tensor and tensor; the result replaces the left one.
        slices: fn(&mut [f32], &[f32]),
        /// Tensor and number.
        right: fn(&mut [f32], f32),
        /// Number and tensor; the result replaces the tensor.
        left: fn(f32, &mut [f32]),
    },
    /// Matrix product.
    Product(ProductKernel),
    /// Nothing to compute.
    None,
}

impl Operator {
    /// Number of arguments.
    pub const fn arity(&self) -> usize {
        match self.kind {
            Kind::Binary | Kind::Power | Kind::Product => 2,
            _ => 1,
        }
    }

    /// The symbol of an operator that is written as one, else its name.
    pub const fn sign(&self) -> &'static str {
        match self.fixity {
            Fixity::Call => self.name,
            Fixity::Prefix(symbol) | Fixity::Left(symbol, _) | Fixity::Right(symbol, _) => symbol,
        }
    }
}

impl Domain {
    /// Whether a number is in the set.
    pub fn contains(self, x: f64) -> bool {
        match self {
            Domain::All => !x.is_nan(),
            Domain::NonNegative => x >= 0.0,
            Domain::Positive => x > 0.0,
            Domain::NonZero => x != 0.0 && !x.is_nan(),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Domain::All => "all x",
            Domain::NonNegative => "x >= 0",
            Domain::Positive => "x > 0",
            Domain::NonZero => "x != 0",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Elementwise => "elementwise",
            Kind::Tensorwise => "whole tensor",
            Kind::Fibre => "along dimension 0",
            Kind::Reduction => "reduction",
            Kind::SymbolReduction => "reduction of a symbol",
            Kind::Decomposition => "reduction of a whole tensor",
            Kind::Aggregator => "aggregator",
            Kind::Binary => "binary",
            Kind::Power => "power",
            Kind::Product => "matrix product",
            Kind::Disconnect => "disconnect",
        })
    }
}
