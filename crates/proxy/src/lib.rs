//! The proxy language: what scores an untrained network, as a formula.
//!
//! A zero-cost proxy reads the tensors of one forward and backward pass and
//! gives one number, so that ranking networks by it ranks them by the quality
//! that training would give them. Here a proxy is text:
//!
//! ```
//! use lpzero_proxy::{parse, to_latex};
//!
//! let saliency = parse("sum[ffn](sum(abs(W * G)))")?;
//! assert_eq!(to_latex(&saliency), r"\sum_{\text{ffn}} \operatorname{sum}\left(\left|W \cdot G\right|\right)");
//! # Ok::<(), lpzero_proxy::ParseError>(())
//! ```
//!
//! # Reading a formula
//!
//! From the inside out: `W` and `G` are the weight and its gradient at every
//! *site* of the network, tensors of one *class*, which may be multiplied. The
//! inner `sum` meets a tensor, so it is a *reduction* and leaves one number per
//! site. The outer `sum` meets numbers per site, so it is an *aggregate*, over
//! the sites whose role is in its filter, here those of the feed-forward
//! networks. What is left is one number per architecture, and arithmetic over
//! such numbers may go on:
//!
//! ```
//! # use lpzero_proxy::parse;
//! parse("sum[query, key](l2(G)) / sum[embedding](l2(G)) ^ 0.5")?;
//! parse("max(mean[ffn, by layer](std(A)))")?; // a mean per layer, the largest of them
//! parse("layers ^ 2 * width")?; // needs no network at all
//! parse("snip / log(params)")?; // named proxies are formulas in formulas
//! # Ok::<(), lpzero_proxy::ParseError>(())
//! ```
//!
//! The [reference](reference()) lists all symbols, operators, scalars, roles
//! and named proxies. What is wrong in a formula is said with its place:
//!
//! ```
//! # use lpzero_proxy::parse;
//! let source = "sum(l2(W) + mean[by layer](l2(G)))";
//! assert_eq!(
//!     parse(source).unwrap_err().render(source),
//!     "`+` cannot combine one number per site with one number per layer at column 11
//!   sum(l2(W) + mean[by layer](l2(G)))
//!             ^"
//! );
//! ```
//!
//! # Evaluating it
//!
//! An [`Evaluator`] scores many architectures from their traces; a formula
//! costs microseconds there, since no network is touched. An [`ExactVisitor`]
//! scores one network while it runs, on whole tensors. How the two relate is
//! told in [`evaluate`].
//!
//! # Searching for a better one
//!
//! A formula is a tree, [`Node`]. [`type_of`] checks trees that were not
//! parsed, [`check`] finds what is not worth evaluating, [`simplify`] brings
//! formulas that are equal up to algebra to one form, and
//! [`canonical_for_ranking`] those that rank networks alike:
//!
//! ```
//! use lpzero_proxy::{canonical_for_ranking, check, parse, simplify, Rule};
//!
//! let node = parse("sqrt(sum(mean(abs(2 * G * W))))")?;
//! assert_eq!(simplify(&node), simplify(&parse("sqrt(2 * sum(l1(W * G)))")?));
//! assert_eq!(canonical_for_ranking(&node).node, parse("sum(l1(W * G))")?);
//! assert_eq!(check(&parse("sum(mean(sqrt(-abs(W))))")?), Err(Rule::DomainError));
//! # Ok::<(), lpzero_proxy::ParseError>(())
//! ```
//!
//! # Adding to it
//!
//! An operator is one row of [`OPERATORS`] with its kernel; parser, printer,
//! TeX, types, canonical form, rules, evaluation, reference and search know it
//! from there. A named proxy is one line of [`named::NAMED`].
#![forbid(unsafe_code)]

mod ast;
mod effort;
mod error;
pub mod evaluate;
mod identity;
mod latex;
pub mod named;
pub mod operator;
mod parse;
mod print;
mod reference;
mod roles;
mod rules;
mod sign;
mod simplify;
mod types;

pub use ast::{Class, MAX_DEPTH, Node, Type};
pub use effort::{Effort, Efforts};
pub use error::{MAX_LENGTH, ParseError, ParseErrorKind, closest};
pub use evaluate::{
    AddedAggregate, Evaluator, ExactVisitor, Further, NotRestricted, PartialVisitor, Partials,
    Prepared, SiteColumns, sum_over_sites,
};
pub use identity::{FormulaId, Interner};
pub use latex::to_latex;
pub use lpzero_trace::{NetworkScalar, Role, Site, Symbol, Trace};
pub use named::{Named, needs_network};
pub use operator::{
    Decomposition, Direction, Domain, Factor, Fixity, Form, Kernel, Kind, OPERATORS, Operator,
    OperatorId, Parity, Range, Sample, Whole, known,
};
pub use parse::{parse, parse_expression};
pub use reference::reference;
pub use roles::{ROLE_GROUPS, RoleSet};
pub use rules::{Rule, check};
pub use simplify::{Ranking, canonical_for_ranking, simplify};
pub use types::{TypeError, check_score, type_of, without_disconnected};
