//! JSON and YAML files as one tree, whose readers name the place of every error.
//!
//! `serde_json::Value` would do, were it not that it silently keeps the last
//! of two equal keys and turns a NaN into null.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use lpzero_run::content;
use lpzero_run::input::{self, Limit};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Place, Problem, join};

/// Size of the largest file that is read.
pub const LIMIT: Limit = Limit::mebibytes("a JSON or YAML document", 256);

/// Up to here every whole number is a number in double precision.
const LARGEST_WHOLE: f64 = (1u64 << 53) as f64;

/// A parsed file.
#[derive(Clone, Debug)]
pub struct Document {
    path: PathBuf,
    root: Node,
}

/// A value of a JSON or YAML file.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number; NaN and infinities are read as text.
    Real(f64),
    /// A string.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in file order, without duplicate keys.
    Map(Vec<(String, Node)>),
}

impl Document {
    /// Reads a file: JSON or YAML as its name ends, else JSON if its first
    /// character is a bracket or a brace.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Unsupported`], [`Error::Syntax`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let cannot_read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let bytes = input::read(path, LIMIT).map_err(cannot_read)?;
        if let Some(what) = content::not_text(&bytes) {
            return Err(Error::Unsupported {
                path: path.to_owned(),
                what: what.to_owned(),
            });
        }
        let text = input::text(bytes).map_err(cannot_read)?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        let extension = extension.map(str::to_ascii_lowercase);
        let is_json = match extension.as_deref() {
            Some("json") => true,
            Some("yaml" | "yml") => false,
            _ => text.trim_start().starts_with(['{', '[']),
        };
        if is_json {
            Self::parse_json(path, &text)
        } else {
            Self::parse_yaml(path, &text)
        }
    }

    /// Parses JSON text; `path` is what errors call it.
    ///
    /// The literals `NaN`, `Infinity` and `-Infinity`, which Python writes
    /// and JSON forbids, become text, so that a reader that needs the number
    /// can say in which record it is missing. A byte-order mark is passed over.
    ///
    /// # Errors
    /// [`Error::Syntax`].
    pub fn parse_json(path: impl Into<PathBuf>, text: &str) -> Result<Self, Error> {
        let path = path.into();
        let text = content::without_mark(text);
        let parsed = serde_json::from_str(text).or_else(|error| match quote_non_finite(text) {
            Some(quoted) => serde_json::from_str(&quoted),
            None => Err(error),
        });
        match parsed {
            Ok(root) => Ok(Self { path, root }),
            Err(error) => {
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default();
                Err(Error::Syntax {
                    path,
                    format: "JSON",
                    line: error.line() as u64,
                    column: error.column() as u64,
                    message: message.to_owned(),
                })
            }
        }
    }

    /// A value that was read from `path` as part of something larger.
    pub fn of(path: impl Into<PathBuf>, root: Node) -> Self {
        let path = path.into();
        Self { path, root }
    }

    /// Parses YAML text (one document); `path` is what errors call it.
    /// `.nan` and `.inf` become text, as in [`parse_json`](Self::parse_json).
    ///
    /// # Errors
    /// [`Error::Syntax`].
    pub fn parse_yaml(path: impl Into<PathBuf>, text: &str) -> Result<Self, Error> {
        let path = path.into();
        let options = serde_saphyr::options! {
            non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        };
        match serde_saphyr::from_str_with_options(text, options) {
            Ok(root) => Ok(Self { path, root }),
            Err(error) => {
                let location = error.location();
                let message = error.without_snippet().to_string();
                // The location is said once, before the message.
                let message = message.lines().next().unwrap_or_default();
                let mut message = message.split(" at line ").next().unwrap_or_default();
                // What programmers may do about it is nothing that a user can.
                for advice in [", set DuplicateKeyPolicy", "; use from_str"] {
                    message = message.split(advice).next().unwrap_or_default();
                }
                Err(Error::Syntax {
                    path,
                    format: "YAML",
                    line: location.map_or(1, |at| at.line()),
                    column: location.map_or(1, |at| at.column()),
                    message: message.to_owned(),
                })
            }
        }
    }

    /// The outermost value.
    pub fn root(&self) -> Cursor<'_> {
        Cursor {
            node: &self.root,
            path: &self.path,
            record: None,
            key: String::new(),
        }
    }
}

/// Puts Python's non-finite literals in quotes; `None` where there are none.
fn quote_non_finite(text: &str) -> Option<String> {
    const LITERALS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    let mut quoted = String::with_capacity(text.len() + 16);
    let (mut rest, mut changed, mut in_string, mut escaped) = (text, false, false, false);
    while let Some(next) = rest.chars().next() {
        let literal = LITERALS
            .into_iter()
            .find(|literal| !in_string && rest.starts_with(literal));
        if let Some(literal) = literal {
            quoted.extend(["\"", literal, "\""]);
            rest = &rest[literal.len()..];
            changed = true;
            continue;
        }
        in_string ^= next == '"' && !escaped;
        escaped = in_string && next == '\\' && !escaped;
        quoted.push(next);
        rest = &rest[next.len_utf8()..];
    }
    changed.then_some(quoted)
}

/// A value together with the place where it stands.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    node: &'a Node,
    path: &'a Path,
    record: Option<String>,
    key: String,
}

impl<'a> Cursor<'a> {
    /// The value itself.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Where the value stands.
    pub fn place(&self) -> Place {
        Place {
            file: self.path.to_owned(),
            record: self.record.clone(),
            key: self.key.clone(),
        }
    }

    /// Cursor at this value as the root of a record with this id; its key becomes empty.
    #[must_use]
    pub fn as_record(&self, id: impl Into<String>) -> Self {
        Self {
            record: Some(id.into()),
            key: String::new(),
            ..self.clone()
        }
    }

    /// An error at this place.
    pub fn error(&self, problem: Problem) -> Error {
        self.place().error(problem)
    }

    /// "expected `expected`, found (this value)".
    pub fn unexpected(&self, expected: impl Into<String>) -> Error {
        self.error(Problem::unexpected(expected, self.node))
    }

    fn child(&self, step: &str, node: &'a Node) -> Self {
        Self {
            node,
            path: self.path,
            record: self.record.clone(),
            key: join(&self.key, step),
        }
    }

    /// The value under a key; `None` where this is no mapping or has no such key.
    pub fn find(&self, key: &str) -> Option<Self> {
        match self.node {
            Node::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, node)| self.child(key, node)),
            _ => None,
        }
    }

    /// The value under a key, where there is one and it is not `null`.
    pub fn given(&self, key: &str) -> Option<Self> {
        self.find(key).filter(|found| *found.node != Node::Null)
    }

    /// The value under a key that must be there; `expected` says what it is.
    ///
    /// # Errors
    /// [`Problem::Missing`], or [`Problem::Unexpected`] where this is no mapping.
    pub fn get(&self, key: &str, expected: &str) -> Result<Self, Error> {
        if !matches!(self.node, Node::Map(_)) {
            return Err(self.unexpected(format!("a mapping with the key `{key}`")));
        }
        self.find(key).ok_or_else(|| {
            let mut place = self.place();
            place.key = join(&place.key, key);
            place.error(Problem::Missing {
                expected: expected.to_owned(),
            })
        })
    }

    /// The elements of a list.
    ///
    /// # Errors
    /// [`Problem::Unexpected`] where this is no list.
    pub fn items(&self) -> Result<Vec<Self>, Error> {
        match self.node {
            Node::List(nodes) => Ok(nodes
                .iter()
                .enumerate()
                .map(|(index, node)| self.child(&format!("[{index}]"), node))
                .collect()),
            _ => Err(self.unexpected("a list")),
        }
    }

    /// The entries of a mapping, in file order.
    ///
    /// # Errors
    /// [`Problem::Unexpected`] where this is no mapping.
    pub fn entries(&self) -> Result<Vec<(&'a str, Self)>, Error> {
        match self.node {
            Node::Map(entries) => Ok(entries
                .iter()
                .map(|(key, node)| (key.as_str(), self.child(key, node)))
                .collect()),
            _ => Err(self.unexpected("a mapping")),
        }
    }

    /// A positive whole number that fits a `usize`.
    ///
    /// # Errors
    /// [`Problem::Unexpected`].
    pub fn size(&self) -> Result<usize, Error> {
        let size = self.node.as_whole().filter(|value| *value > 0);
        size.and_then(|value| usize::try_from(value).ok())
            .ok_or_else(|| self.unexpected("a positive whole number"))
    }

    /// A finite number.
    ///
    /// # Errors
    /// [`Problem::Unexpected`].
    pub fn number(&self) -> Result<f64, Error> {
        match self.node {
            Node::Integer(value) => Ok(*value as f64),
            Node::Real(value) if value.is_finite() => Ok(*value),
            _ => Err(self.unexpected("a finite number")),
        }
    }

    /// A string.
    ///
    /// # Errors
    /// [`Problem::Unexpected`].
    pub fn text(&self) -> Result<&'a str, Error> {
        match self.node {
            Node::Text(text) => Ok(text),
            _ => Err(self.unexpected("a string")),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// [`Problem::Unexpected`].
    pub fn flag(&self) -> Result<bool, Error> {
        match self.node {
            Node::Bool(flag) => Ok(*flag),
            _ => Err(self.unexpected("true or false")),
        }
    }

    /// Deserialises this value into a type that is serialised as is.
    ///
    /// # Errors
    /// [`Problem::Malformed`] at the exact key.
    pub fn deserialize<T: de::DeserializeOwned>(&self) -> Result<T, Error> {
        let read = |whole| serde_path_to_error::deserialize(self.node.to_json(whole));
        // A size may be written `2.0`; what can stay as it is written does.
        let read = read(Whole::AsWritten).or_else(|_| read(Whole::AsInteger));
        read.map_err(|error| {
            let mut place = self.place();
            let inner = error.path().to_string();
            if inner != "." {
                place.key = join(&place.key, &inner);
            }
            place.error(Problem::Malformed(error.into_inner().to_string()))
        })
    }
}

/// Form in JSON of a real number that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    /// `2.0`.
    AsWritten,
    /// `2`.
    AsInteger,
}

impl Node {
    /// The value of a finite number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Node::Integer(value) => Some(*value as f64),
            Node::Real(value) => Some(*value).filter(|value| value.is_finite()),
            _ => None,
        }
    }

    /// The value of a whole number, also where it is written `2.0`.
    pub fn as_whole(&self) -> Option<i128> {
        match self {
            Node::Integer(value) => Some(*value),
            Node::Real(value) => {
                let is_whole = value.fract() == 0.0 && value.abs() <= LARGEST_WHOLE;
                is_whole.then_some(*value as i128)
            }
            _ => None,
        }
    }

    /// Whether both say the same: 2 is 2.0.
    pub fn is(&self, other: &Node) -> bool {
        match (self.as_whole(), other.as_whole()) {
            (Some(value), Some(other)) => value == other,
            _ => self == other,
        }
    }

    fn to_json(&self, reals: Whole) -> serde_json::Value {
        use serde_json::{Number, Value};
        let whole = |value: i128| match (u64::try_from(value), i64::try_from(value)) {
            (Ok(value), _) => value.into(),
            (_, Ok(value)) => value.into(),
            _ => (value as f64).into(),
        };
        match self {
            Node::Null => Value::Null,
            Node::Bool(flag) => Value::Bool(*flag),
            Node::Integer(value) => whole(*value),
            Node::Real(value) => match self.as_whole() {
                Some(value) if reals == Whole::AsInteger => whole(value),
                _ => Number::from_f64(*value).map_or(Value::Null, Value::Number),
            },
            Node::Text(text) => text.as_str().into(),
            Node::List(nodes) => nodes.iter().map(|node| node.to_json(reals)).collect(),
            Node::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.clone(), node.to_json(reals)))
                .collect(),
        }
    }
}

/// A value as error messages quote it: scalars as they are, the rest by kind.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST_QUOTE: usize = 60;
        match self {
            Node::Null => f.write_str("null"),
            Node::Bool(flag) => write!(f, "{flag}"),
            Node::Integer(value) => write!(f, "{value}"),
            Node::Real(value) => write!(f, "{value}"),
            Node::Text(text) if text.chars().count() <= LONGEST_QUOTE => write!(f, "{text:?}"),
            Node::Text(text) => {
                let start: String = text.chars().take(LONGEST_QUOTE).collect();
                write!(f, "{start:?}...")
            }
            Node::List(nodes) => write!(f, "a list of {}", nodes.len()),
            Node::Map(entries) => write!(f, "a mapping with {} keys", entries.len()),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(de::Error::custom(format_args!(
                    "the key `{key}` appears twice"
                )));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Node::Map(entries))
    }
}
