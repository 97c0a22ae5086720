//! Vocabulary of formulas: the symbols, roles and scalars that the traces of a ground truth hold.

use lpzero_proxy::{Class, Node, RoleSet};
use lpzero_trace::{NetworkScalar, Role, Symbol, Trace};

/// Symbols with the roles at which they are found, and scalars worth reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    symbols: Vec<(Symbol, RoleSet)>,
    scalars: Vec<NetworkScalar>,
}

/// Selects the roles whose A is also called H.
fn head_outputs(roles: RoleSet) -> RoleSet {
    let heads: Vec<Role> = roles.iter().filter(|role| role.has_head_output()).collect();
    RoleSet::of(&heads)
}

impl Vocabulary {
    /// The given symbols and scalars; symbols without a role are dropped.
    pub fn new(symbols: Vec<(Symbol, RoleSet)>, scalars: Vec<NetworkScalar>) -> Self {
        let symbols = symbols
            .into_iter()
            .filter(|(_, roles)| !roles.is_empty())
            .collect();
        Self { symbols, scalars }
    }

    /// Vocabulary of these traces. A symbol counts at a role where every trace has it there or at
    /// least one has (mixtures of operations differ). A scalar counts where it is finite and not
    /// the same for all.
    pub fn of<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> Self {
        let mut found: Vec<(Symbol, RoleSet)> = Symbol::ALL
            .iter()
            .map(|&symbol| (symbol, RoleSet::default()))
            .collect();
        let mut ranges =
            NetworkScalar::ALL.map(|row| (row.scalar, f64::INFINITY, f64::NEG_INFINITY));
        for trace in traces {
            for site in &trace.sites {
                let role = RoleSet::of(&[site.site.role]);
                for tensor in &site.tensors {
                    let known = &mut found[tensor.symbol as usize].1;
                    *known = known.union(role);
                }
            }
            for ((_, low, high), &value) in ranges.iter_mut().zip(&trace.scalars) {
                // A NaN makes both bounds NaN, and the scalar unusable.
                *low = if value < *low { value } else { low.min(value) };
                *high = if value > *high {
                    value
                } else {
                    high.max(value)
                };
            }
        }
        let outputs = found[Symbol::A as usize].1;
        found[Symbol::H as usize].1 = head_outputs(outputs);
        let scalars = ranges
            .into_iter()
            .filter(|(_, low, high)| low.is_finite() && high.is_finite() && low < high)
            .map(|(scalar, _, _)| scalar)
            .collect();
        Self::new(found, scalars)
    }

    /// Vocabulary that several ground truths share. It has the symbols at the roles where all have
    /// them, and the scalars of any: one that is the same throughout one ground truth may tell
    /// another's apart.
    pub fn shared<'a>(vocabularies: impl IntoIterator<Item = &'a Vocabulary>) -> Self {
        let mut vocabularies = vocabularies.into_iter();
        let Some(first) = vocabularies.next() else {
            return Self::default();
        };
        let shared = |mut shared: Vocabulary, other: &Vocabulary| {
            for (symbol, roles) in &mut shared.symbols {
                let theirs = other.roles(&[*symbol]);
                *roles = roles.difference(roles.difference(theirs));
            }
            let new = other.scalars.iter();
            let new: Vec<_> = new.filter(|s| !shared.scalars.contains(s)).collect();
            shared.scalars.extend(new);
            shared.scalars.sort_unstable();
            Self::new(shared.symbols, shared.scalars)
        };
        vocabularies.fold(first.clone(), shared)
    }

    /// Every symbol at every role but the norms, and every scalar.
    pub fn everything() -> Self {
        let everywhere = |symbol| match symbol {
            Symbol::S => RoleSet::of(&[Role::Attention]),
            Symbol::J => RoleSet::of(&[Role::Input]),
            Symbol::H => head_outputs(RoleSet::DEFAULT),
            _ => RoleSet::DEFAULT.difference(RoleSet::of(&[Role::Attention, Role::Input])),
        };
        let symbols = Symbol::ALL.iter().map(|&s| (s, everywhere(s))).collect();
        Self::new(symbols, NetworkScalar::ALL.map(|row| row.scalar).to_vec())
    }

    /// Removes some symbols, and all scalars where `scalars` is set.
    #[must_use]
    pub fn without(mut self, symbols: &[Symbol], scalars: bool) -> Self {
        self.symbols.retain(|(symbol, _)| !symbols.contains(symbol));
        if scalars {
            self.scalars.clear();
        }
        self
    }

    /// Whether a formula can be written with it, roles aside.
    pub fn covers(&self, formula: &Node) -> bool {
        let mut covers = true;
        formula.walk(&mut |node| {
            covers &= match node {
                Node::Symbol(symbol) => self.symbols.iter().any(|(known, _)| known == symbol),
                Node::Scalar(scalar) => self.scalars.contains(scalar),
                _ => true,
            };
        });
        covers
    }

    /// Symbols, in the order of [`Symbol`].
    pub fn symbols(&self) -> &[(Symbol, RoleSet)] {
        &self.symbols
    }

    /// Scalars, in the order of [`NetworkScalar`].
    pub fn scalars(&self) -> &[NetworkScalar] {
        &self.scalars
    }

    /// Symbols of one shape class.
    pub fn of_class(&self, class: Class) -> impl Iterator<Item = Symbol> + '_ {
        let symbols = self.symbols.iter().map(|(symbol, _)| *symbol);
        symbols.filter(move |symbol| Class::of(*symbol) == class)
    }

    /// The roles at which all of these symbols are found.
    pub fn roles(&self, symbols: &[Symbol]) -> RoleSet {
        let all = RoleSet::of(&Role::ALL.map(|(role, _)| role));
        let missing = symbols.iter().fold(RoleSet::default(), |missing, symbol| {
            let found = self.symbols.iter().find(|(known, _)| known == symbol);
            let roles = found.map_or(RoleSet::default(), |(_, roles)| *roles);
            missing.union(all.difference(roles))
        });
        all.difference(missing)
    }

    /// Whether there is nothing to write a formula with.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty() && self.scalars.is_empty()
    }
}
