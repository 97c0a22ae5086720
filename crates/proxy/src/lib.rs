//! The proxy language: operator table, parser, types, canonical form, evaluation.
#![forbid(unsafe_code)]

mod ast;
mod error;
pub mod evaluate;
mod latex;
pub mod named;
pub mod operator;
mod parse;
mod print;
mod roles;
mod rules;
mod sign;
mod simplify;
mod types;

pub use ast::{Class, MAX_DEPTH, Node, Type};
pub use error::{MAX_LENGTH, ParseError, ParseErrorKind};
pub use evaluate::{Evaluator, Prepared};
pub use latex::to_latex;
pub use lpzero_trace::{NetworkScalar, Role, Site, Symbol, Trace};
pub use operator::{
    Direction, Domain, Fixity, Form, Kernel, Kind, OPERATORS, Operator, OperatorId, Parity, Range,
    Sample, known,
};
pub use parse::{parse, parse_expression};
pub use roles::{ROLE_GROUPS, RoleSet};
pub use rules::{Rule, check};
pub use simplify::{Ranking, canonical_for_ranking, simplify};
pub use types::{TypeError, check_score, type_of, without_disconnected};
