//! `adapter_config.json`, as PEFT writes it.

use lpzero_arch::{Cursor, Error, Node, Problem};

/// Most ranks of an adapter.
const MOST_RANKS: usize = 1 << 16;

/// A key that would make another model where it has another value than these.
struct Fixed {
    key: &'static str,
    /// Besides `null` and a key that is not there.
    accepted: &'static [Accepted],
    /// Reason why another value is refused, for the error.
    otherwise: &'static str,
}

enum Accepted {
    Flag(bool),
    Text(&'static str),
    /// An empty list or mapping.
    Nothing,
}

const fn off(key: &'static str, otherwise: &'static str) -> Fixed {
    Fixed {
        key,
        accepted: &[Accepted::Flag(false), Accepted::Nothing],
        otherwise,
    }
}

const FIXED: [Fixed; 15] = [
    Fixed {
        key: "bias",
        accepted: &[Accepted::Text("none")],
        otherwise: "adapted biases are not read",
    },
    off("use_dora", "DoRA is not read"),
    off(
        "modules_to_save",
        "modules that were trained whole are not read",
    ),
    off("lora_bias", "biases of adapters are not read"),
    off("layer_replication", "replicated layers are not read"),
    off("trainable_token_indices", "trained tokens are not read"),
    off("target_parameters", "adapted parameters are not read"),
    off("use_qalora", "QALoRA is not read"),
    off("use_bdlora", "block-diagonal adapters are not read"),
    off("alora_invocation_tokens", "activated LoRA is not read"),
    off("arrow_config", "Arrow routing is not read"),
    off("velora_config", "VeLoRA is not read"),
    off("kasa_config", "KaSA is not read"),
    off("monteclora_config", "MonteCLoRA is not read"),
    Fixed {
        key: "init_lora_weights",
        accepted: &[
            Accepted::Flag(true),
            Accepted::Flag(false),
            Accepted::Text("gaussian"),
            Accepted::Text("eva"),
            Accepted::Text("orthogonal"),
        ],
        otherwise: "an initialisation that changes the weights below it is not read",
    },
];

impl Fixed {
    fn check(&self, root: &Cursor<'_>) -> Result<(), Error> {
        let Some(found) = find(root, self.key) else {
            return Ok(());
        };
        let accepts = |accepted: &Accepted| match (accepted, found.node()) {
            (Accepted::Flag(wanted), Node::Bool(flag)) => wanted == flag,
            (Accepted::Text(wanted), Node::Text(text)) => wanted == text,
            (Accepted::Nothing, Node::List(list)) => list.is_empty(),
            (Accepted::Nothing, Node::Map(map)) => map.is_empty(),
            _ => false,
        };
        if self.accepted.iter().any(accepts) {
            return Ok(());
        }
        let wanted = match self.accepted.first() {
            Some(Accepted::Text(text)) => format!("{text:?}"),
            Some(Accepted::Flag(flag)) => flag.to_string(),
            _ => "null".to_owned(),
        };
        Err(found.unexpected(format!("{wanted} ({})", self.otherwise)))
    }
}

/// The value of a key, where there is one and it is not `null`.
fn find<'a>(root: &Cursor<'a>, key: &str) -> Option<Cursor<'a>> {
    root.find(key).filter(|found| *found.node() != Node::Null)
}

/// Scales and ranks of a configuration.
#[derive(Debug)]
pub(super) struct Config<'a> {
    alpha: f64,
    ranks: usize,
    /// alpha / sqrt(r) in place of alpha / r (Kalajdzievski 2023).
    root: bool,
    alphas: Vec<(&'a str, f64)>,
    rank_patterns: Vec<(&'a str, usize)>,
    /// Where it is a list of names and no pattern.
    targets: Option<(Cursor<'a>, Vec<&'a str>)>,
    /// Blocks that are adapted, where not all are.
    layers: Option<(Cursor<'a>, Vec<usize>)>,
    /// Names that are left out, where they are a list.
    left_out: Option<(Cursor<'a>, Vec<&'a str>)>,
}

impl<'a> Config<'a> {
    pub(super) fn read(root: &Cursor<'a>) -> Result<Self, Error> {
        let kind = root.get("peft_type", "\"LORA\"")?;
        if kind.text()? != "LORA" {
            return Err(kind.unexpected("\"LORA\""));
        }
        for fixed in &FIXED {
            fixed.check(root)?;
        }
        let targets = root.get("target_modules", "a list of maps, or a pattern")?;
        let layers = match find(root, "layers_to_transform") {
            Some(at) => {
                let number = |at: &Cursor<'_>| {
                    let number = at
                        .node()
                        .as_whole()
                        .and_then(|number| number.try_into().ok());
                    number.ok_or_else(|| at.unexpected("a whole number, or a list of some"))
                };
                let numbers: Result<_, _> = match at.node() {
                    Node::List(_) => at.items()?.iter().map(number).collect(),
                    _ => number(&at).map(|number| vec![number]),
                };
                Some((at, numbers?))
            }
            None => None,
        };
        let left_out = find(root, "exclude_modules").map(names).transpose()?;
        Ok(Config {
            alpha: root.get("lora_alpha", "a number")?.number()?,
            ranks: ranks(&root.get("r", "a positive whole number")?)?,
            root: find(root, "use_rslora").map_or(Ok(false), |flag| flag.flag())?,
            alphas: patterns(root, "alpha_pattern", Cursor::number)?,
            rank_patterns: patterns(root, "rank_pattern", ranks)?,
            targets: names(targets)?,
            layers,
            left_out: left_out.flatten(),
        })
    }

    /// Alpha and r of a map of theirs.
    pub(super) fn of(&self, module: &str) -> (f64, usize) {
        let alpha = first(&self.alphas, module).unwrap_or(self.alpha);
        let ranks = first(&self.rank_patterns, module).unwrap_or(self.ranks);
        (alpha, ranks)
    }

    /// Factor of B A: alpha / r, or alpha / sqrt(r).
    pub(super) fn scale(&self, alpha: f64, ranks: usize) -> f64 {
        let ranks = ranks as f64;
        alpha / if self.root { ranks.sqrt() } else { ranks }
    }

    /// Refuses a map that the configuration does not adapt: nobody would merge it.
    pub(super) fn check_target(&self, module: &str) -> Result<(), Error> {
        let refused = |at: &Cursor<'_>, relation: &str| {
            Err(at.error(Problem::Malformed(format!(
                "`{module}` is {relation} these, but its adapter is in the file of weights"
            ))))
        };
        let is_in = |names: &[&str]| names.iter().any(|name| matches(name, module));
        let mut parts = module.split('.');
        let layer: Option<usize> = parts.find_map(|part| part.parse().ok());
        match (&self.targets, &self.layers, &self.left_out) {
            (Some((at, names)), ..) if !is_in(names) => refused(at, "none of"),
            (_, Some((at, layers)), _) if !layer.is_some_and(|layer| layers.contains(&layer)) => {
                refused(at, "in none of")
            }
            (.., Some((at, names))) if is_in(names) => refused(at, "one of"),
            _ => Ok(()),
        }
    }
}

/// Names in a list; `None` where a pattern stands in its place.
fn names<'a>(at: Cursor<'a>) -> Result<Option<(Cursor<'a>, Vec<&'a str>)>, Error> {
    match at.node() {
        Node::Text(_) => Ok(None),
        Node::List(_) => {
            let names: Result<_, _> = at.items()?.iter().map(Cursor::text).collect();
            Ok(Some((at, names?)))
        }
        _ => Err(at.unexpected("a list of maps, or a pattern")),
    }
}

fn ranks(at: &Cursor<'_>) -> Result<usize, Error> {
    let ranks = at.size()?;
    match ranks <= MOST_RANKS {
        true => Ok(ranks),
        false => Err(at.unexpected(format!("at most {MOST_RANKS}"))),
    }
}

/// A mapping from maps to values. PEFT takes the names for regular expressions; here
/// they are names, of which the leading parts may be left out unless `^` stands there.
fn patterns<'a, T>(
    root: &Cursor<'a>,
    key: &str,
    read: impl Fn(&Cursor<'a>) -> Result<T, Error>,
) -> Result<Vec<(&'a str, T)>, Error> {
    let Some(mapping) = find(root, key) else {
        return Ok(Vec::new());
    };
    let mut patterns = Vec::new();
    for (name, value) in mapping.entries()? {
        let literal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if !name.strip_prefix('^').unwrap_or(name).chars().all(literal) {
            let what = "a regular expression is not read: expected the name of a map";
            return Err(value.error(Problem::Malformed(what.to_owned())));
        }
        patterns.push((name, read(&value)?));
    }
    Ok(patterns)
}

fn first<T: Copy>(patterns: &[(&str, T)], module: &str) -> Option<T> {
    let mut patterns = patterns.iter();
    let found = patterns.find(|(name, _)| matches(name, module));
    found.map(|&(_, value)| value)
}

/// Whether a name is that of a map, or the last parts of it.
fn matches(name: &str, module: &str) -> bool {
    if let Some(whole) = name.strip_prefix('^') {
        return whole == module;
    }
    let before = module.strip_suffix(name);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lpzero_arch::Document;

    #[test]
    fn a_map_has_the_alpha_and_the_ranks_of_the_first_name_that_fits() {
        let text = r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": "all-linear",
            "use_rslora": true, "rank_pattern": {"q_proj": 2, "^h.0.v_proj": 1},
            "alpha_pattern": {"0.q_proj": 6}}"#;
        let document = Document::parse_json("adapter_config.json", text).unwrap();
        let config = Config::read(&document.root()).unwrap();
        assert_eq!(config.of("h.0.q_proj"), (6.0, 2));
        assert_eq!(config.of("h.10.q_proj"), (8.0, 2));
        assert_eq!(config.of("h.0.v_proj"), (8.0, 1));
        assert_eq!(config.of("model.h.0.v_proj"), (8.0, 4));
        assert_eq!(config.of("h.0.xq_proj"), (8.0, 4));
        assert_eq!(config.scale(6.0, 4), 3.0);
    }
}
