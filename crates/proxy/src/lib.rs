//! The proxy language: operator table, parser, types, canonical form, evaluation.
#![forbid(unsafe_code)]

mod ast;
pub mod operator;
mod print;
mod roles;
mod scalar;
mod types;

pub use ast::{Class, MAX_DEPTH, Node, Type};
pub use lpzero_trace::{NetworkScalar, Role, Site, Symbol, Trace};
pub use operator::{
    Direction, Domain, Fixity, Form, Kernel, Kind, OPERATORS, Operator, OperatorId, Parity, Range,
    Sample, known,
};
pub use roles::{ROLE_GROUPS, RoleSet};
pub use types::{TypeError, check_score, type_of};
