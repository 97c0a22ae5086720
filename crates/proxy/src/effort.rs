//! What formulas on whole tensors take beside a pass, from the shapes of an architecture
//! alone: so that what does not fit is refused before any work.

use lpzero_arch::Architecture;
use lpzero_trace::{Role, Symbol};

use crate::ast::Class;
use crate::{Decomposition, Node, RoleSet};

/// Memory and arithmetic beside a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effort {
    /// Most bytes at once, on the safe side.
    pub bytes: u128,
    /// Multiplications, about.
    pub operations: f64,
    /// Side of the largest square matrix.
    pub side: usize,
}

/// A decomposition in a formula: its kind, where it is taken, and of what.
#[derive(Clone, Copy, Debug)]
struct Part {
    kind: Decomposition,
    roles: RoleSet,
    class: Class,
}

/// What a formula asks for that costs more than looking at every element once.
#[derive(Clone, Debug)]
pub struct Efforts {
    parts: Vec<Part>,
    /// Bytes per parameter that its further passes keep.
    per_parameter: u128,
}

impl Efforts {
    /// The efforts of a formula.
    pub fn of(formula: &Node) -> Self {
        let mut parts = Vec::new();
        collect(formula, RoleSet::DEFAULT, &mut parts);
        let reads = |symbol: Symbol| {
            let mut found = false;
            formula.walk(&mut |node| found |= matches!(node, Node::Symbol(s) if *s == symbol));
            found
        };
        let passes = FURTHER.iter().filter(|(symbol, _)| reads(*symbol));
        Self {
            parts,
            per_parameter: passes.map(|(_, bytes)| *bytes).max().unwrap_or(0),
        }
    }

    /// What it takes for an architecture and a minibatch of (sequences, tokens each).
    pub fn on(&self, architecture: &Architecture, minibatch: (usize, usize)) -> Effort {
        let mut effort = Effort::default();
        for site in sites(architecture, minibatch) {
            let here = |part: &&Part| part.roles.contains(site.role);
            for part in self.parts.iter().filter(here) {
                let Some((rows, columns)) = site.shape(part.class, architecture.width) else {
                    continue;
                };
                let own = part.kind.effort(rows, columns);
                effort.bytes = effort.bytes.max(own.bytes);
                effort.operations += own.operations;
                effort.side = effort.side.max(own.side);
            }
        }
        let parameters = architecture.parameters().total();
        let further = parameters.saturating_mul(self.per_parameter);
        effort.bytes = effort.bytes.max(further);
        effort
    }
}

/// Bytes that the further pass of a symbol keeps per parameter: gradients and dual
/// numbers; a mean and a sum of squares; weights and their sizes in double precision.
const FURTHER: [(Symbol, u128); 4] = [
    (Symbol::Hg, 12),
    (Symbol::Gr, 16),
    (Symbol::Gf, 16),
    (Symbol::Lf, 16),
];

fn collect(node: &Node, roles: RoleSet, parts: &mut Vec<Part>) {
    let roles = match node {
        Node::Aggregate { roles, .. } => roles.unwrap_or(RoleSet::DEFAULT),
        _ => roles,
    };
    if let Some(kind) = node.operator().and_then(|id| id.row().decomposition)
        && let Some(class) = class(node)
    {
        parts.push(Part { kind, roles, class });
    }
    for child in node.children() {
        collect(child, roles, parts);
    }
}

/// Class of the first symbol: all of one tensor have one.
fn class(node: &Node) -> Option<Class> {
    match node {
        Node::Symbol(symbol) => Some(Class::of(*symbol)),
        _ => node.children().iter().find_map(class),
    }
}

impl Decomposition {
    fn effort(self, rows: usize, columns: usize) -> Effort {
        let (m, n) = (rows as f64, columns as f64);
        // Squares of this side in memory, and multiplications per cube of it.
        let (side, squares, per_cube) = match self {
            Decomposition::Eigenvalues => (rows.min(columns), 3, 4.0),
            Decomposition::Determinant => (rows.min(columns.saturating_add(1)), 1, 0.34),
            Decomposition::RowDeterminant if rows > columns => (0, 0, 0.0),
            Decomposition::RowDeterminant => (rows, 1, 0.34),
            Decomposition::Pairs => (0, 0, 0.0),
        };
        let of_pairs = match self {
            // The product of two rows, and a power of it.
            Decomposition::Pairs => 0.5 * m * m * (n + 50.0),
            _ => 0.5 * m * n * side as f64,
        };
        let square = (side as u128).saturating_mul(side as u128);
        let tensor = (rows as u128).saturating_mul(columns as u128);
        Effort {
            // The tensor is kept, and copied once; pairs take it in double precision.
            bytes: square
                .saturating_mul(8 * squares)
                .saturating_add(tensor.saturating_mul(8)),
            operations: of_pairs + per_cube * (side as f64).powi(3),
            side,
        }
    }
}

/// Shapes of the tensors of a site as matrices of (rows, columns).
#[derive(Clone, Copy)]
struct Shapes {
    role: Role,
    weight: Option<(usize, usize)>,
    input: Option<(usize, usize)>,
    output: Option<(usize, usize)>,
    probabilities: Option<(usize, usize)>,
}

impl Shapes {
    /// A map of so many tokens.
    fn map(role: Role, tokens: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            role,
            weight: Some((outputs, inputs)),
            input: Some((tokens, inputs)),
            output: Some((tokens, outputs)),
            probabilities: None,
        }
    }

    /// A place without a map.
    fn place(role: Role, tokens: usize, width: usize) -> Self {
        Self {
            role,
            weight: None,
            input: None,
            output: Some((tokens, width)),
            probabilities: None,
        }
    }

    fn shape(&self, class: Class, width: usize) -> Option<(usize, usize)> {
        match class {
            Class::Parameter => self.weight,
            Class::Input => self.input,
            Class::Output => self.output,
            Class::Attention => self.probabilities,
            // Every half of a block ends in one of these.
            Class::Jacobian => {
                let ends = matches!(self.role, Role::Out | Role::Transform | Role::FfnOut);
                ends.then_some((width, width))
            }
            // Taken over few columns.
            Class::Product => None,
        }
    }
}

fn sites(
    architecture: &Architecture,
    (batch, positions): (usize, usize),
) -> impl Iterator<Item = Shapes> + '_ {
    let tokens = batch.saturating_mul(positions);
    let (width, vocabulary) = (architecture.width, architecture.vocabulary);
    let embedded = architecture.embedding.width;
    let outer = [
        Shapes::map(Role::Embedding, tokens, embedded, vocabulary),
        // Rows beyond the minibatch have no gradient.
        Shapes::map(Role::Position, tokens, width, positions),
        Shapes::map(Role::Projection, tokens, embedded, width),
        Shapes::place(Role::Input, tokens, width),
        Shapes::place(Role::Norm, tokens, width),
        Shapes::map(Role::Head, tokens, width, vocabulary),
    ];
    let of_block = move |block: &lpzero_arch::Block| {
        let maps = block.maps(width).into_iter().map(move |map| {
            let rows = if map.of_distances { positions } else { tokens };
            Shapes::map(map.role, rows, map.inputs.size, map.outputs.size)
        });
        let attention = block.attending(width).map(|(heads, width)| Shapes {
            probabilities: Some((tokens.saturating_mul(heads), positions)),
            ..Shapes::place(Role::Attention, tokens, width)
        });
        maps.chain(attention).collect::<Vec<_>>()
    };
    outer
        .into_iter()
        .chain(architecture.blocks.iter().flat_map(of_block))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{named, parse};
    use lpzero_arch::{Document, Reading, flexibert};

    fn encoder() -> Architecture {
        let config = r#"{"hidden_size": 256, "nas_config": {"encoder_layers": [
            {"operation_type": "SA", "operation_parameter": "SDP", "num_operation_heads": 2,
             "feed_forward_dimension": 1024, "num_feed_forward": 1}]}}"#;
        let document = Document::parse_json("example.json", config).unwrap();
        flexibert::read(&document.root(), Reading::Declared).unwrap()
    }

    #[test]
    fn the_smaller_side_decides() {
        let naswot = Efforts::of(&named::find("naswot").unwrap().node());
        let few = naswot.on(&encoder(), (4, 64));
        assert_eq!(few.side, 256);
        let many = naswot.on(&encoder(), (256, 512));
        assert_eq!(many.side, 1025);
        assert!(many.bytes > 131_072 * 1024 * 8);
        let eznas = Efforts::of(&named::find("eznas").unwrap().node());
        assert_eq!(eznas.on(&encoder(), (4, 64)).side, 256);
    }

    #[test]
    fn further_passes_keep_something_of_every_parameter() {
        let parameters = encoder().parameters().total();
        let bytes = |name: &str| {
            let efforts = Efforts::of(&named::find(name).unwrap().node());
            efforts.on(&encoder(), (1, 8)).bytes
        };
        assert_eq!(bytes("synflow"), 16 * parameters);
        assert_eq!(bytes("grasp"), 12 * parameters);
        assert_eq!(bytes("snip"), 0);
    }

    #[test]
    fn every_decomposition_of_a_named_formula_is_found() {
        let parts = |formula: &str| Efforts::of(&parse(formula).unwrap()).parts.len();
        assert_eq!(parts("sum[attn](nuclear(W) * nuclear(G))"), 2);
        assert_eq!(parts("sum[ffn](l2(W))"), 0);
    }
}
