//! The space of a LoNAS super-network (Muñoz et al. 2024), from the NNCF
//! configuration that it was trained with and the `config.json` of its base model.
//!
//! The configuration lists groups of maps that share a width, by the path of each
//! map in the PyTorch module, and the widths to choose from. A group of `lora_A` maps
//! shares a rank; one of maps themselves and their `lora_B` shares a number of outputs,
//! which is read where it is the hidden width of a feed-forward network.

use std::collections::BTreeMap;

use super::{FORMAT, Space, VERSION};
use crate::document::{Cursor, Document, Node};
use crate::error::{Error, Problem};

/// The outermost key by which a configuration is known.
pub const LONAS: &str = "bootstrapNAS";

const ELASTICITY: [&str; 3] = ["training", "elasticity", "width"];
/// The class of a block.
const BLOCK: &str = "LlamaDecoderLayer";
/// What stands before a path that is a pattern.
const PATTERN: &str = "{re}";

/// Size that a group of maps lets one choose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Choice {
    /// Ranks of the adapters of these maps.
    Rank(Vec<String>),
    /// The hidden width of the feed-forward network.
    Hidden,
}

impl Choice {
    fn name(&self) -> String {
        match self {
            Choice::Hidden => "width".into(),
            Choice::Rank(maps) => {
                let maps = maps.iter().map(|map| map.trim_end_matches("_proj"));
                format!("rank-{}", maps.collect::<Vec<_>>().join("-"))
            }
        }
    }
}

impl Space {
    /// Reads the space from an NNCF configuration of LoNAS; `base` is the `config.json`
    /// of the super-network, with ranks of further adapters as `lora_ranks` where it
    /// has any.
    ///
    /// # Errors
    /// [`Error`], naming file and key: groups of maps that are not known, choices that
    /// differ between blocks, or a base that is no LLaMA.
    pub fn lonas(config: &Cursor<'_>, base: &Cursor<'_>) -> Result<Self, Error> {
        let mut width = config.get(LONAS, "the configuration of a LoNAS training")?;
        for key in ELASTICITY {
            width = width.get(key, "a mapping")?;
        }
        let groups = width.get("overwrite_groups", "a list of groups of maps")?;
        let widths = width.get("overwrite_groups_widths", "a list of choices per group")?;
        let (members, choices) = (groups.items()?, widths.items()?);
        if members.len() != choices.len() {
            return Err(widths.unexpected(format!("a list of {}, one per group", members.len())));
        }
        let depth = base
            .get("num_hidden_layers", "a positive whole number")?
            .size()?;
        // By what is chosen: the choices, and in which blocks.
        let mut found: BTreeMap<Choice, (Vec<Node>, Vec<usize>)> = BTreeMap::new();
        for (group, choices) in members.iter().zip(&choices) {
            let (layer, choice) = read_group(group)?;
            let mut numbers = Vec::new();
            for item in choices.items()? {
                numbers.push(Node::Integer(item.size()? as i128));
            }
            let (known, layers) = found
                .entry(choice)
                .or_insert_with(|| (numbers.clone(), Vec::new()));
            if *known != numbers {
                return Err(choices.unexpected("the same choices in every block"));
            }
            layers.push(layer);
        }
        for (choice, (_, layers)) in &mut found {
            layers.sort_unstable();
            if !layers.iter().copied().eq(0..depth) {
                return Err(groups.error(Problem::Malformed(format!(
                    "{}: expected one group for each of {depth} blocks",
                    choice.name()
                ))));
            }
        }
        let space = document(found, depth, base)?;
        let file = config.place().file;
        Space::of(&Document::of(file, space).root())
    }
}

/// Which block a group is in, and what it lets one choose.
fn read_group(group: &Cursor<'_>) -> Result<(usize, Choice), Error> {
    let mut layers = Vec::new();
    let (mut ranks, mut maps) = (Vec::new(), Vec::new());
    let members = group.items()?;
    for member in &members {
        let Member { layer, map, rank } = read_member(member)?;
        layers.push(layer);
        let list = if rank { &mut ranks } else { &mut maps };
        if !list.contains(&map.to_owned()) {
            list.push(map.to_owned());
        }
    }
    let one = layers
        .first()
        .copied()
        .filter(|first| layers.iter().all(|layer| layer == first));
    let layer = one.ok_or_else(|| group.unexpected("maps of one block"))?;
    let hidden = |map: &String| matches!(&map[..], "gate_proj" | "up_proj");
    let choice = match (ranks.is_empty(), maps.is_empty()) {
        (false, true) => Choice::Rank(ranks),
        (true, false) if maps.len() == 2 && maps.iter().all(hidden) => Choice::Hidden,
        _ => {
            return Err(group.unexpected(
                "adapters' lora_A maps alone, or gate_proj and up_proj with their lora_B",
            ));
        }
    };
    Ok((layer, choice))
}

/// A map of a group.
struct Member<'a> {
    layer: usize,
    map: &'a str,
    /// Whether it is the `lora_A` of an adapter.
    rank: bool,
}

/// Reads the path of a map in the PyTorch module, of parts such as `Linear[q_proj]`.
fn read_member<'a>(member: &Cursor<'a>) -> Result<Member<'a>, Error> {
    let path = member.text()?;
    if path.starts_with(PATTERN) {
        return Err(member.unexpected(format!(
            "the path of one map (patterns, as Shears writes them with {PATTERN}, are not read)"
        )));
    }
    let mut parts = path.split('/').filter_map(|part| {
        let (class, name) = part.strip_suffix(']')?.split_once('[')?;
        Some((class, name))
    });
    let block = parts.find_map(|(class, name)| Some((class, name.parse::<usize>().ok()?)));
    // Adapters have maps of their own inside.
    let mut of_block = parts.take_while(|(class, _)| *class != "ModuleDict");
    let map = of_block.find(|(class, _)| class.ends_with("Linear"));
    match (block, map) {
        (Some((BLOCK, layer)), Some((_, map))) => Ok(Member {
            layer,
            map,
            rank: path.contains("[lora_A]"),
        }),
        (Some((class, _)), _) if class != BLOCK => Err(member.unexpected(format!(
            "a map of a {BLOCK} (blocks of class {class} are not read)"
        ))),
        _ => Err(member.unexpected(format!("a path with {BLOCK}[number]/.../Linear[map]"))),
    }
}

/// A file of format `lpzero-space` that says the same.
fn document(
    found: BTreeMap<Choice, (Vec<Node>, Vec<usize>)>,
    depth: usize,
    base: &Cursor<'_>,
) -> Result<Node, Error> {
    let text = |text: &str| Node::Text(text.into());
    let each = |name: &str| {
        let hole = Node::Text(format!("${name}"));
        Node::Map(vec![("$each".into(), hole)])
    };
    let mut variables = Vec::new();
    let mut ranks: Vec<(String, Node)> = Vec::new();
    let mut template: Vec<(String, Node)> = Vec::new();
    for (key, value) in base.entries()? {
        match key {
            "lora_ranks" => {
                for (map, rank) in value.entries()? {
                    ranks.push((map.into(), rank.node().clone()));
                }
            }
            _ => template.push((key.into(), value.node().clone())),
        }
    }
    for (choice, (choices, _)) in found {
        let name = choice.name();
        match choice {
            Choice::Hidden => {
                template.retain(|(key, _)| key != "intermediate_size");
                template.push(("intermediate_size".into(), each(&name)));
            }
            Choice::Rank(maps) => {
                for map in maps {
                    ranks.retain(|(known, _)| *known != map);
                    ranks.push((map, each(&name)));
                }
            }
        }
        variables.push(Node::Map(vec![
            ("name".into(), Node::Text(name)),
            ("per".into(), text("block")),
            ("choices".into(), Node::List(choices)),
        ]));
    }
    if !ranks.is_empty() {
        template.push(("lora_ranks".into(), Node::Map(ranks)));
    }
    let space = vec![
        ("name".into(), text("lonas")),
        (
            "about".into(),
            text("sub-networks of a LoNAS super-network"),
        ),
        (
            "blocks".into(),
            Node::List(vec![Node::Integer(depth as i128)]),
        ),
        ("variables".into(), Node::List(variables)),
        ("template".into(), Node::Map(template)),
    ];
    Ok(Node::Map(vec![
        ("format".into(), text(FORMAT)),
        ("version".into(), Node::Integer(VERSION as i128)),
        ("space".into(), Node::Map(space)),
    ]))
}
