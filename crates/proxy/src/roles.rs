//! Which sites an aggregate runs over: sets of roles and their names.

use std::cmp::Ordering;
use std::fmt;

use lpzero_trace::Role;

/// A set of roles, as written between the brackets of an aggregate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RoleSet(u32);

/// Sets differ first in the roles that there were when journals first recorded
/// canonical formulas, whose terms stand in this order, and then in later ones.
impl Ord for RoleSet {
    fn cmp(&self, other: &Self) -> Ordering {
        const FIRST: u32 = (1 << (Role::FfnGate as u32)) - 1;
        (self.0 & FIRST, self.0).cmp(&(other.0 & FIRST, other.0))
    }
}

impl PartialOrd for RoleSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Names for sets of roles, largest first; a filter may mix them with single
/// roles. Printing prefers them to the roles they stand for.
pub const ROLE_GROUPS: [(&str, RoleSet); 5] = [
    ("block", ATTENTION.union(FEED_FORWARD)),
    ("attn", ATTENTION),
    ("embed", EMBEDDING),
    ("ffn", FEED_FORWARD),
    ("output", OUTPUT),
];

const ATTENTION: RoleSet = RoleSet::of(&[
    Role::Query,
    Role::Key,
    Role::RelativeKey,
    Role::Value,
    Role::Weighting,
    Role::Transform,
    Role::Convolution,
    Role::Attention,
    Role::Out,
]);
const FEED_FORWARD: RoleSet =
    RoleSet::of(&[Role::FfnIn, Role::FfnGate, Role::FfnHidden, Role::FfnOut]);
const EMBEDDING: RoleSet = RoleSet::of(&[
    Role::Embedding,
    Role::Position,
    Role::Segment,
    Role::Projection,
    Role::Input,
]);
const OUTPUT: RoleSet = RoleSet::of(&[Role::HeadProjection, Role::Head]);

impl RoleSet {
    /// Every role but the norms: what an aggregate without a filter runs over.
    pub const DEFAULT: RoleSet =
        RoleSet(((1 << Role::ALL.len()) - 1) & !(1 << (Role::Norm as u32)));

    /// The set of these roles.
    pub const fn of(roles: &[Role]) -> RoleSet {
        let mut bits = 0;
        let mut index = 0;
        while index < roles.len() {
            bits |= 1 << (roles[index] as u32);
            index += 1;
        }
        RoleSet(bits)
    }

    /// All roles of either set.
    pub const fn union(self, other: RoleSet) -> RoleSet {
        RoleSet(self.0 | other.0)
    }

    /// The roles of `self` that are not in `other`.
    pub const fn difference(self, other: RoleSet) -> RoleSet {
        RoleSet(self.0 & !other.0)
    }

    /// Whether the role is in the set.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & (1 << (role as u32)) != 0
    }

    /// Whether every role of `other` is in the set.
    pub const fn is_superset(self, other: RoleSet) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set holds no role.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles, in the order of [`Role`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .map(|(role, _)| role)
            .filter(move |role| self.contains(*role))
    }

    /// The set that a name in a filter stands for: a group or a single role.
    pub fn named(name: &str) -> Option<RoleSet> {
        let group = ROLE_GROUPS.iter().find(|(group, _)| *group == name);
        group.map(|(_, set)| *set).or_else(|| {
            let role = Role::ALL.iter().find(|(_, role)| *role == name);
            role.map(|(role, _)| RoleSet::of(&[*role]))
        })
    }

    /// Every name that a filter may use.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let groups = ROLE_GROUPS.iter().map(|(name, _)| *name);
        groups.chain(Role::ALL.iter().map(|(_, name)| *name))
    }
}

impl fmt::Display for RoleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = *self;
        let mut names = Vec::new();
        for (name, group) in ROLE_GROUPS {
            if rest.is_superset(group) {
                names.push(name);
                rest = rest.difference(group);
            }
        }
        names.extend(rest.iter().map(Role::name));
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_group_prints_as_its_name_and_the_rest_as_roles() {
        let set = RoleSet::named("ffn")
            .unwrap()
            .union(RoleSet::of(&[Role::Query]));
        assert_eq!(set.to_string(), "ffn, query");
        assert_eq!(RoleSet::named("block").unwrap().to_string(), "block");
    }

    #[test]
    fn a_later_role_does_not_reorder_the_groups() {
        let mut names = ROLE_GROUPS.map(|(name, set)| (set, name));
        names.sort_unstable();
        assert_eq!(
            names.map(|(_, name)| name),
            ["embed", "attn", "ffn", "block", "output"]
        );
    }

    #[test]
    fn no_filter_means_everything_but_norms() {
        for (role, _) in Role::ALL {
            assert_eq!(RoleSet::DEFAULT.contains(role), role != Role::Norm);
        }
    }

    #[test]
    fn groups_and_roles_have_distinct_names() {
        let mut names: Vec<_> = RoleSet::names().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
