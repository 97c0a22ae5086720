//! The space of what may be cut from a network: `cut`.
//!
//! Of every block, leading channels of the feed-forward network stay, and leading heads
//! of keys with the heads of queries that read them; or nothing of it does. Every choice
//! is one of a sixteenth.

use super::{FORMAT, Space, VERSION};
use crate::block::Block;
use crate::document::{Cursor, Document, Node};
use crate::error::{Error, Problem};
use crate::family::hugging_face::{self, KEPT_BLOCKS, KEPT_KEY_HEADS};

/// The name by which the space is asked for.
pub const CUT: &str = "cut";

const HIDDEN: &str = "intermediate_size";
/// Parts that channels and heads are cut in.
const PARTS: usize = 16;
/// Fewest of them that stay.
const LEAST: usize = 2;

impl Space {
    /// The space of what may be cut from the network of a `config.json`.
    ///
    /// # Errors
    /// [`Error`], naming file and key: a network that cannot be read, or whose model type
    /// has one size for all blocks.
    pub fn cut(config: &Cursor<'_>) -> Result<Self, Error> {
        let whole = hugging_face::read(config)?;
        let grouped = whole.blocks.first().and_then(|block| block.mixer.grouped());
        let (attention, hidden) = match (grouped, config.given(HIDDEN)) {
            (Some(attention), Some(hidden)) => (attention, hidden.size()?),
            _ => return Err(refused(config)),
        };
        let keys = attention.key_value_heads;
        let of_block = |block: &Block| block.mixer.grouped().map(|own| own.key_value_heads);
        if whole
            .blocks
            .iter()
            .any(|block| of_block(block) != Some(keys))
        {
            return Err(refused(config));
        }
        let mut variables = vec![variable("kept", [1, 0])];
        variables.push(variable("hidden", steps(hidden, LEAST)));
        let mut template: Vec<(String, Node)> = config
            .entries()?
            .into_iter()
            .filter(|(key, _)| ![HIDDEN, KEPT_BLOCKS, KEPT_KEY_HEADS].contains(key))
            .map(|(key, value)| (key.to_owned(), value.node().clone()))
            .collect();
        template.push((KEPT_BLOCKS.into(), each("kept")));
        template.push((HIDDEN.into(), each("hidden")));
        if keys > 1 {
            variables.push(variable("key_heads", steps(keys, 1)));
            template.push((KEPT_KEY_HEADS.into(), each("key_heads")));
        }
        let text = |text: &str| Node::Text(text.into());
        let depth = Node::Integer(whole.blocks.len() as i128);
        let space = vec![
            ("name".into(), text(CUT)),
            ("about".into(), text("what may be cut from a network")),
            ("blocks".into(), Node::List(vec![depth])),
            ("variables".into(), Node::List(variables)),
            ("template".into(), Node::Map(template)),
        ];
        let document = Node::Map(vec![
            ("format".into(), text(FORMAT)),
            ("version".into(), Node::Integer(VERSION as i128)),
            ("space".into(), Node::Map(space)),
        ]);
        let space = Space::of(&Document::of(config.place().file, document).root())?;
        // A class that has one size for all blocks does not read lists of them.
        match space
            .largest()
            .and_then(|largest| space.architecture(&largest))
        {
            Ok(largest) if largest == whole => Ok(space),
            _ => Err(refused(config)),
        }
    }
}

fn refused(config: &Cursor<'_>) -> Error {
    config.error(Problem::Malformed(
        "expected a network of llama or a descendant, whose blocks are all of one size, to cut \
         from"
            .into(),
    ))
}

/// So many sixteenths of a size, from the least on, without those that are equal.
fn steps(whole: usize, least: usize) -> impl Iterator<Item = usize> {
    let mut last = 0;
    (least..=PARTS).filter_map(move |part| {
        let size = (whole.saturating_mul(part) / PARTS).max(1);
        let fresh = size > last;
        last = last.max(size);
        fresh.then_some(size)
    })
}

fn each(name: &str) -> Node {
    let hole = Node::Text(format!("${name}"));
    Node::Map(vec![("$each".into(), hole)])
}

fn variable(name: &str, choices: impl IntoIterator<Item = usize>) -> Node {
    let choices = choices
        .into_iter()
        .map(|choice| Node::Integer(choice as i128));
    Node::Map(vec![
        ("name".into(), Node::Text(name.into())),
        ("per".into(), Node::Text("block".into())),
        ("choices".into(), Node::List(choices.collect())),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::space::Genotype;

    fn of(config: &str) -> Result<Space, Error> {
        Space::cut(&Document::parse_json("config.json", config).unwrap().root())
    }

    const LLAMA: &str = r#"{"model_type": "llama", "vocab_size": 50, "hidden_size": 32,
        "num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 4,
        "intermediate_size": 32}"#;

    #[test]
    fn channels_heads_and_whole_blocks_are_cut_together() {
        let space = of(LLAMA).unwrap();
        let whole = space.architecture(&space.largest().unwrap()).unwrap();
        let block = |kept: usize, hidden: usize, keys: usize| vec![kept, hidden, keys];
        let genotype = Genotype {
            network: vec![],
            blocks: vec![block(0, 0, 3), block(1, 14, 3), block(0, 14, 0)],
        };
        let part = space.sub_network(&genotype, &whole).unwrap();
        let sizes: Vec<_> = (part.kept_blocks())
            .map(|block| (block.feed_forward.hidden[0], block.mixer.heads()))
            .collect();
        assert_eq!(sizes, [(4, 8), (32, 2)]);
        // Counted by hand: heads of width 4, two tables, norms of what is kept.
        let attention = |heads: u128, keys: u128| 32 * 4 * 2 * (heads + keys);
        let blocks = attention(8, 4) + attention(2, 1) + 3 * 32 * (4 + 32) + 4 * 32;
        assert_eq!(part.parameters().total(), blocks + 2 * 50 * 32 + 32);
        assert_eq!(space.block_options().unwrap().len(), 2 * 15 * 4);
    }

    #[test]
    fn a_network_without_blocks_and_a_class_without_lists_are_refused() {
        let space = of(LLAMA).unwrap();
        let nothing = space.of_blocks(vec![vec![1, 0, 0]; 3]);
        let error = space.architecture(&nothing).unwrap_err().to_string();
        assert!(error.contains("a block that is not left out"), "{error}");
        let gpt2 = r#"{"model_type": "gpt2", "vocab_size": 50, "n_embd": 24, "n_layer": 2,
            "n_head": 3}"#;
        assert!(of(gpt2).unwrap_err().to_string().contains("to cut from"));
    }
}
