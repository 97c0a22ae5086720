//! Aggregates, which make one number of all sites: the paper's mean, or a sum, over all sites or
//! those of some roles.

use std::fmt;

use lpzero_proxy::{Node, RoleSet, known, parse};
use lpzero_trace::{Role, Symbol};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Error, Vocabulary};

/// A mean or a sum over sites: aggregates that distribute over sums, so that formulas of
/// two branches are arithmetic on their aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Aggregate {
    is_mean: bool,
    /// `None`: all roles but the norms.
    roles: Option<RoleSet>,
}

/// An aggregate and its place among those of a space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbered {
    pub(super) number: usize,
    pub(super) aggregate: Aggregate,
}

impl Aggregate {
    /// The paper's: the mean over all sites.
    pub const PAPER: Self = Self {
        is_mean: true,
        roles: None,
    };

    /// Means and sums over all sites, over every group of roles and over every role.
    pub fn all() -> Vec<Self> {
        let filters = RoleSet::names().filter_map(RoleSet::named);
        let filters = filters
            .filter(|roles| !roles.contains(Role::Norm))
            .map(Some);
        let filters: Vec<Option<RoleSet>> = std::iter::once(None).chain(filters).collect();
        let kinds = [true, false].into_iter();
        let all = kinds.flat_map(|is_mean| {
            let filters = filters.iter();
            filters.map(move |&roles| Self { is_mean, roles })
        });
        all.collect()
    }

    /// Reads `mean`, `sum[ffn]` and the like.
    ///
    /// # Errors
    /// Anything else, and a filter with the norms, which no branch is evaluated at.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Setting {
            name: "aggregate",
            value: text.to_owned(),
            expected: "mean or sum, perhaps with a filter of roles other than norm, such as \
                       sum[ffn]",
        };
        // As the proxy language has it.
        let formula = parse(&format!("{text}(mean(W))")).map_err(|_| wrong())?;
        match formula {
            Node::Aggregate {
                operator: operator @ (known::MEAN | known::SUM),
                roles,
                by_layer: false,
                ..
            } if roles.is_none_or(|roles| !roles.contains(Role::Norm)) => Ok(Self {
                is_mean: operator == known::MEAN,
                roles,
            }),
            _ => Err(wrong()),
        }
    }

    /// A formula around one number per site.
    pub(super) fn of(self, site: Node) -> Node {
        let operator = if self.is_mean {
            known::MEAN
        } else {
            known::SUM
        };
        Node::aggregate(operator, self.roles, site)
    }

    pub(super) fn is_mean(self) -> bool {
        self.is_mean
    }

    /// The roles whose sites it takes.
    pub(super) fn roles(self) -> RoleSet {
        self.roles.unwrap_or(RoleSet::DEFAULT)
    }

    /// Divisor of a sum over so many sites. `None` for a mean of nothing, which is undefined; a sum
    /// of nothing is 0.
    pub(super) fn divisor(self, sites: usize) -> Option<f64> {
        match (self.is_mean, sites) {
            (true, 0) => None,
            (true, sites) => Some(sites as f64),
            (false, _) => Some(1.0),
        }
    }

    /// Finds the aggregates under which formulas over these symbols differ: the first of those that
    /// take the same sites.
    pub(super) fn distinct(
        aggregates: &[Self],
        vocabulary: &Vocabulary,
        symbols: [Symbol; 2],
    ) -> Vec<Numbered> {
        let found = vocabulary.roles(&symbols);
        let sites = |aggregate: Self| {
            let elsewhere = found.difference(aggregate.roles());
            (aggregate.is_mean, found.difference(elsewhere))
        };
        let mut known = Vec::new();
        let mut distinct = Vec::new();
        for (number, &aggregate) in aggregates.iter().enumerate() {
            let sites = sites(aggregate);
            if !sites.1.is_empty() && !known.contains(&sites) {
                known.push(sites);
                distinct.push(Numbered { number, aggregate });
            }
        }
        distinct
    }
}

/// Whether a site of an architecture whose sites have these roles is one of those wanted.
pub(super) fn is_at(wanted: RoleSet, roles: &[Role], site: usize) -> bool {
    roles.get(site).is_some_and(|role| wanted.contains(*role))
}

/// Divides `roles` into parts, each of the roles that the same aggregates take. Sums over parts add
/// up to those over the sites of every aggregate. Roles that no aggregate takes are left out.
pub(super) fn parts(aggregates: &[Numbered], roles: RoleSet) -> Vec<RoleSet> {
    let mut parts: Vec<(Vec<bool>, RoleSet)> = Vec::new();
    for role in roles.iter() {
        let takes = |numbered: &Numbered| numbered.aggregate.roles().contains(role);
        let taken: Vec<bool> = aggregates.iter().map(takes).collect();
        let own = RoleSet::of(&[role]);
        if !taken.contains(&true) {
            continue;
        }
        match parts.iter_mut().find(|(known, _)| *known == taken) {
            Some((_, part)) => *part = part.union(own),
            None => parts.push((taken, own)),
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_mean { "mean" } else { "sum" })?;
        match self.roles {
            Some(roles) => write!(f, "[{roles}]"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for Aggregate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl Serialize for Aggregate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_aggregate_is_read_as_it_is_printed() {
        let all = Aggregate::all();
        assert!(all.len() > 20 && all.contains(&Aggregate::PAPER));
        for aggregate in all {
            let read = Aggregate::parse(&aggregate.to_string());
            assert_eq!(read, Ok(aggregate));
        }
    }

    #[test]
    fn what_does_not_add_up_over_known_sites_is_refused() {
        for text in [
            "",
            "max",
            "sum[norm]",
            "sum[ffn",
            "sum[]",
            "l2",
            "mean(W) + sum",
        ] {
            assert!(Aggregate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_takes_the_same_sites_counts_once() {
        let attention = RoleSet::of(&[Role::Attention]);
        let all = RoleSet::DEFAULT;
        let vocabulary =
            Vocabulary::new(vec![(Symbol::S, attention), (Symbol::A, all)], Vec::new());
        let names = |symbols| {
            let all = Aggregate::all();
            let distinct = Aggregate::distinct(&all, &vocabulary, symbols);
            let names = distinct.iter().map(|known| known.aggregate.to_string());
            names.collect::<Vec<_>>()
        };
        assert_eq!(names([Symbol::S; 2]), ["mean", "sum"]);
        assert_eq!(names([Symbol::S, Symbol::A]), ["mean", "sum"]);
        assert!(names([Symbol::A; 2]).len() > 20);
    }

    #[test]
    fn parts_make_up_what_every_aggregate_takes() {
        let named = |texts: &[&str]| {
            let all = texts.iter().map(|text| Aggregate::parse(text).unwrap());
            let numbered = all.enumerate();
            let numbered = numbered.map(|(number, aggregate)| Numbered { number, aggregate });
            numbered.collect::<Vec<_>>()
        };
        let found = RoleSet::DEFAULT;
        assert_eq!(parts(&named(&["mean"]), found), [found]);
        assert_eq!(parts(&named(&["mean", "sum"]), found), [found]);
        let attention = RoleSet::named("attn").unwrap();
        let two = parts(&named(&["mean", "sum[attn]"]), found);
        assert_eq!(two.len(), 2);
        assert!(two.contains(&attention) && two.contains(&found.difference(attention)));
        assert_eq!(parts(&named(&["sum[attn]"]), found), [attention]);
    }
}
