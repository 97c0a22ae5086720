//! Addresses inside a formula: every part has an index, parents before
//! children, left to right.

use lpzero_proxy::{Node, Type, type_of};

/// The parts of a formula with their types, by index.
///
/// Exponents are listed like any constant; replacing a part by another of the
/// same type keeps the formula well typed but for operators that take bare
/// symbols only, so results are checked once more.
pub(crate) fn parts(root: &Node) -> Vec<(&Node, Option<Type>)> {
    let mut parts = Vec::new();
    root.walk(&mut |node| parts.push((node, type_of(node).ok())));
    parts
}

/// A copy of the formula with part `index` replaced.
pub(crate) fn replaced(root: &Node, index: usize, part: Node) -> Node {
    let mut part = Some(part);
    let mut next = 0;
    replace(root, index, &mut next, &mut part)
}

fn replace(node: &Node, index: usize, next: &mut usize, part: &mut Option<Node>) -> Node {
    if *next == index
        && let Some(part) = part.take()
    {
        // Indices to the right no longer matter.
        *next += 1;
        return part;
    }
    *next += 1;
    if part.is_none() || node.children().is_empty() {
        return node.clone();
    }
    let children = node.children().iter();
    node.with_children(children.map(|c| replace(c, index, next, part)).collect())
}

#[cfg(test)]
mod tests {
    use lpzero_proxy::{NetworkScalar, Node, known};

    use super::{parts, replaced};

    #[test]
    fn every_part_can_be_replaced_by_its_index() {
        let scalar = |s| Node::Scalar(s);
        let formula = Node::binary(
            known::MUL,
            Node::binary(known::POW, scalar(NetworkScalar::Layers), Node::Number(2.0)),
            scalar(NetworkScalar::Width),
        );
        let texts: Vec<String> = (0..parts(&formula).len())
            .map(|index| replaced(&formula, index, scalar(NetworkScalar::Loss)).to_string())
            .collect();
        assert_eq!(
            texts,
            [
                "loss",
                "loss * width",
                "loss ^ 2 * width",
                "layers ^ loss * width",
                "layers ^ 2 * loss"
            ]
        );
        for (index, (part, _)) in parts(&formula).into_iter().enumerate() {
            assert_eq!(replaced(&formula, index, part.clone()), formula);
        }
    }
}
