//! The syntax tree of a formula.

use lpzero_trace::{NetworkScalar, Symbol};

use crate::{Kind, OperatorId, RoleSet};

/// The deepest tree that any function taking outside input accepts.
pub const MAX_DEPTH: usize = 100;

/// A formula, or a part of one. Trees are immutable and at most
/// [`MAX_DEPTH`] deep, which every constructor that takes outside input
/// enforces before it allocates.
#[derive(Clone, Debug)]
pub enum Node {
    /// A constant.
    Number(f64),
    /// A scalar of the whole network: `layers`, `loss`, `params`.
    Scalar(NetworkScalar),
    /// A tensor at every site: `W`, `G`, `X`, `A`, `D`, `H`, `S`, `J`, or what
    /// a further pass gives: `Hg`, `Gf`, `Lf`, `Gr`, `Jr`.
    Symbol(Symbol),
    /// An operator of the table (elementwise, reduction, binary, ...) that is
    /// not an aggregator, with as many arguments as its arity.
    Apply(OperatorId, Vec<Node>),
    /// An aggregate over sites or layers: `sum[ffn](...)`.
    Aggregate {
        /// Which aggregator (`sum`, `mean`, `max`, `last`, ...).
        operator: OperatorId,
        /// The roles that take part; `None` means every site but the norms.
        roles: Option<RoleSet>,
        /// Whether sites are aggregated layer by layer (the result is a
        /// scalar per layer, to be aggregated once more).
        by_layer: bool,
        /// The site-level (or layer-level) expression.
        argument: Box<Node>,
    },
}

/// Type of what a node evaluates to, from many values to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// A tensor at every site that has it, of a shape class.
    Tensor(Class),
    /// One number per site.
    Site,
    /// One number per layer.
    Layer,
    /// One number per architecture.
    Network,
    /// A constant, usable wherever a scalar is.
    Number,
}

/// Shape classes: tensors combine elementwise only within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// W and G.
    Parameter,
    /// X.
    Input,
    /// A, D, H, J.
    Output,
    /// S.
    Attention,
    /// Jr.
    Jacobian,
    /// The result of a matrix product (contracts dimension 0 of two tensors of one class).
    Product,
}

impl Node {
    /// A unary operator applied to `argument`.
    pub fn unary(operator: OperatorId, argument: Node) -> Node {
        Node::Apply(operator, vec![argument])
    }

    /// A binary operator applied to `left` and `right`.
    pub fn binary(operator: OperatorId, left: Node, right: Node) -> Node {
        Node::Apply(operator, vec![left, right])
    }

    /// An aggregate over the sites of `roles` (`None`: all but the norms), or
    /// over the layers that `argument` distinguishes.
    pub fn aggregate(operator: OperatorId, roles: Option<RoleSet>, argument: Node) -> Node {
        Node::Aggregate {
            operator,
            roles,
            by_layer: false,
            argument: Box::new(argument),
        }
    }

    /// The direct parts, left to right.
    pub fn children(&self) -> &[Node] {
        match self {
            Node::Number(_) | Node::Scalar(_) | Node::Symbol(_) => &[],
            Node::Apply(_, arguments) => arguments,
            Node::Aggregate { argument, .. } => std::slice::from_ref(argument),
        }
    }

    /// This node over other parts, which must be as many as
    /// [`children`](Self::children) has.
    pub fn with_children(&self, children: Vec<Node>) -> Node {
        debug_assert_eq!(children.len(), self.children().len());
        match self {
            Node::Number(_) | Node::Scalar(_) | Node::Symbol(_) => self.clone(),
            Node::Apply(operator, _) => Node::Apply(*operator, children),
            Node::Aggregate {
                operator,
                roles,
                by_layer,
                argument,
            } => Node::Aggregate {
                operator: *operator,
                roles: *roles,
                by_layer: *by_layer,
                argument: Box::new(children.into_iter().next().unwrap_or((**argument).clone())),
            },
        }
    }

    /// The operator at the root, if the root is not a leaf.
    pub fn operator(&self) -> Option<OperatorId> {
        match self {
            Node::Number(_) | Node::Scalar(_) | Node::Symbol(_) => None,
            Node::Apply(operator, _) | Node::Aggregate { operator, .. } => Some(*operator),
        }
    }

    /// Length of the longest path from the root to a leaf, a leaf being 1.
    pub fn depth(&self) -> usize {
        1 + self.children().iter().map(Node::depth).max().unwrap_or(0)
    }

    /// Number of nodes.
    pub fn size(&self) -> usize {
        1 + self.children().iter().map(Node::size).sum::<usize>()
    }

    /// Sum of the complexities of all nodes: 1 per leaf, and per operator
    /// what its row in the table says.
    pub fn complexity(&self) -> u32 {
        let own = self.operator().map_or(1, |id| id.row().complexity);
        own + self.children().iter().map(Node::complexity).sum::<u32>()
    }

    /// Calls `visit` on every node, parents before children, left to right.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Node)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Whether traces do not hold what the formula reads: a symbol of a further
    /// pass, or a decomposition of a whole tensor. Such formulas are only scored
    /// exactly, and search does not offer them.
    pub fn needs_whole_tensors(&self) -> bool {
        let mut needs = false;
        self.walk(&mut |node| {
            needs |= match node {
                Node::Symbol(symbol) => symbol.is_later(),
                Node::Apply(operator, _) => operator.row().kind == Kind::Decomposition,
                _ => false,
            };
        });
        needs
    }

    /// The symbols that the formula reads, each once, in the order of [`Symbol`].
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut seen = Vec::new();
        self.walk(&mut |node| {
            if let Node::Symbol(symbol) = node {
                seen.push(*symbol);
            }
        });
        seen.sort_unstable();
        seen.dedup();
        seen
    }
}

impl Class {
    /// The class of a symbol's tensors.
    pub fn of(symbol: Symbol) -> Class {
        match symbol {
            Symbol::W | Symbol::G | Symbol::Hg | Symbol::Gf | Symbol::Lf | Symbol::Gr => {
                Class::Parameter
            }
            Symbol::X => Class::Input,
            Symbol::A | Symbol::D | Symbol::H | Symbol::J => Class::Output,
            Symbol::S => Class::Attention,
            Symbol::Jr => Class::Jacobian,
        }
    }
}
