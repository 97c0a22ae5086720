//! Static pruning: formulas that are not worth evaluating, known from the
//! operator table alone (the rule-based pruning strategy of LPZero, Dong et
//! al. 2024, made explicit).

use crate::operator::known;
use crate::sign::signs;
use crate::{Domain, Kind, Node, Type, type_of};

/// Why a formula is not worth evaluating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Rule {
    /// It has a branch that is the same for every network.
    #[error("a branch is the same for every network")]
    ConstantBranch,
    /// It has an operation without effect.
    #[error("an operation has no effect")]
    DeadOperation,
    /// It has an operation whose argument always lies outside its domain.
    #[error("an operation never meets its domain")]
    DomainError,
    /// It applies an operation on tensors to a number.
    #[error("an operation on tensors is applied to a number")]
    ScalarToTensor,
    /// It has no type, or is not one number per architecture.
    #[error("the formula is not well-typed")]
    IllTyped,
}

impl Rule {
    /// Every rule, in the order in which they are reported.
    pub const ALL: [Rule; 5] = [
        Rule::ConstantBranch,
        Rule::DeadOperation,
        Rule::DomainError,
        Rule::ScalarToTensor,
        Rule::IllTyped,
    ];

    /// The key under which reports count the rule.
    pub fn key(self) -> &'static str {
        match self {
            Rule::ConstantBranch => "constant_branch",
            Rule::DeadOperation => "dead_operation",
            Rule::DomainError => "domain_error",
            Rule::ScalarToTensor => "scalar_to_tensor",
            Rule::IllTyped => "ill_typed",
        }
    }
}

/// Checks a formula, well-typed or not, as it was generated (a
/// [simplified](crate::simplify) one has no dead operations any more).
///
/// ```
/// use lpzero_proxy::{Rule, check, parse};
///
/// let check = |source| check(&parse(source).unwrap());
/// assert_eq!(check("sum(mean(abs(W * G)))"), Ok(()));
/// assert_eq!(check("sum(mean(W - W))"), Err(Rule::ConstantBranch));
/// assert_eq!(check("sum(mean(abs(abs(W))))"), Err(Rule::DeadOperation));
/// assert_eq!(check("sum(mean(log(-abs(W))))"), Err(Rule::DomainError));
/// ```
pub fn check(node: &Node) -> Result<(), Rule> {
    let of = check_part(node)?;
    match of {
        Some(Type::Network) => Ok(()),
        Some(Type::Number) => Err(Rule::ConstantBranch),
        Some(_) | None => Err(Rule::IllTyped),
    }
}

/// Checks a part and returns its type (`None` where it has none).
fn check_part(node: &Node) -> Result<Option<Type>, Rule> {
    let Node::Apply(operator, arguments) = node else {
        node.children()
            .iter()
            .try_for_each(|part| check_part(part).map(drop))?;
        return Ok(type_of(node).ok());
    };
    let row = operator.row();
    // An exponent may be arithmetic on constants.
    let checked = if row.kind == Kind::Power {
        1
    } else {
        arguments.len()
    };
    let types: Vec<Option<Type>> = arguments[..checked]
        .iter()
        .map(check_part)
        .collect::<Result<_, _>>()?;
    let is_number = |of: &Option<Type>| of.is_some_and(|of| !matches!(of, Type::Tensor(_)));
    match row.kind {
        Kind::Disconnect => return Err(Rule::DeadOperation),
        Kind::Reduction | Kind::SymbolReduction | Kind::Decomposition if is_number(&types[0]) => {
            return Err(Rule::DeadOperation);
        }
        Kind::Tensorwise | Kind::Fibre | Kind::Product if types.iter().any(is_number) => {
            return Err(Rule::ScalarToTensor);
        }
        _ => {}
    }
    if is_dead(node) {
        return Err(Rule::DeadOperation);
    }
    let domain = row.domain;
    if arguments
        .iter()
        .any(|argument| signs(argument).miss(domain))
    {
        return Err(Rule::DomainError);
    }
    if is_constant(node) || types.iter().all(|of| *of == Some(Type::Number)) {
        return Err(Rule::ConstantBranch);
    }
    let of = type_of(node).ok();
    if of.is_none() {
        return Err(Rule::IllTyped);
    }
    Ok(of)
}

/// Whether the outermost operation returns an argument unchanged.
fn is_dead(node: &Node) -> bool {
    let Node::Apply(operator, arguments) = node else {
        return false;
    };
    let row = operator.row();
    match &arguments[..] {
        [argument] => {
            let twice = row.idempotent && argument.operator() == Some(*operator);
            let undone = row.inverse_of == Some(row.name) && argument.operator() == Some(*operator);
            let keeps = [known::ABS, known::RELU].contains(operator)
                && signs(argument).are_in(Domain::NonNegative);
            *operator == known::NO_OP || twice || undone || keeps
        }
        [left, right] => {
            let neutral = match *operator {
                known::ADD | known::SUB => Some(0.0),
                known::MUL | known::DIV | known::POW => Some(1.0),
                _ => None,
            };
            let is_neutral = |node: &Node| neutral.is_some_and(|n| *node == Node::Number(n));
            is_neutral(right)
                || (row.commutative && is_neutral(left))
                || (row.idempotent && left == right)
        }
        _ => false,
    }
}

/// Whether the outermost operation gives the same number for all networks.
fn is_constant(node: &Node) -> bool {
    let Node::Apply(operator, arguments) = node else {
        return false;
    };
    let zero = Node::Number(0.0);
    match (*operator, &arguments[..]) {
        (known::SUB | known::DIV, [left, right]) if left == right => true,
        (known::MUL, arguments) => arguments.contains(&zero),
        (known::DIV, [left, _]) => *left == zero,
        (known::POW, [_, exponent]) => *exponent == zero,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{OperatorId, Symbol, named, parse};

    fn verdict(source: &str) -> Result<(), Rule> {
        check(&parse(source).unwrap())
    }

    #[test]
    fn the_named_proxies_pass() {
        for proxy in named::NAMED {
            assert_eq!(check(&proxy.node()), Ok(()), "{}", proxy.name);
        }
    }

    #[test]
    fn each_rule_catches_what_it_is_named_for() {
        for (source, rule) in [
            ("3", Rule::ConstantBranch),
            ("layers * exp(2)", Rule::ConstantBranch),
            ("layers / layers", Rule::ConstantBranch),
            ("sum(l2(W) ^ 0)", Rule::ConstantBranch),
            ("sum(l2(W * 0))", Rule::ConstantBranch),
            ("sum(l2(W) + disconnect(l2(G)))", Rule::DeadOperation),
            ("sum(l2(no_op(W)))", Rule::DeadOperation),
            ("sum(l2(-(-W)))", Rule::DeadOperation),
            ("sum(abs(l2(W)))", Rule::DeadOperation),
            ("sum(l2(relu(square(W))))", Rule::DeadOperation),
            ("layers + 0", Rule::DeadOperation),
            ("maximum(layers, layers)", Rule::DeadOperation),
            ("sum(mean(sqrt(-abs(W))))", Rule::DomainError),
            ("sum(log(-l2(W)))", Rule::DomainError),
        ] {
            assert_eq!(verdict(source), Err(rule), "{source}");
        }
        assert_eq!(verdict("sum(l2(W)) ^ (1 / 3)"), Ok(()));
    }

    #[test]
    fn ill_typed_formulas_are_counted_by_what_is_wrong() {
        let on_scalar = |name| {
            let reduced = Node::unary(known::R_L2, Node::Symbol(Symbol::W));
            let operator = OperatorId::called(name, 1).next().unwrap();
            check(&Node::aggregate(
                known::MEAN,
                None,
                Node::unary(operator, reduced),
            ))
        };
        assert_eq!(on_scalar("l1"), Err(Rule::DeadOperation));
        assert_eq!(on_scalar("softmax"), Err(Rule::ScalarToTensor));
        assert_eq!(on_scalar("normalize"), Err(Rule::ScalarToTensor));
        assert_eq!(check(&Node::Symbol(Symbol::W)), Err(Rule::IllTyped));
    }

    #[test]
    fn keys_are_distinct() {
        let mut keys = Rule::ALL.map(Rule::key).to_vec();
        keys.dedup();
        assert_eq!(keys.len(), Rule::ALL.len());
    }
}
