//! Formulas as MathML, every symbol with its meaning.
//!
//! What is turned is the TeX of the formula, which the language's own printer writes from the
//! table of operators. So brackets stand where they do in TeX, and a new operator needs no line
//! here as long as its TeX is made of what is listed in [`command`](Reader::command).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lpzero_proxy::{
    Kind, NetworkScalar, Node, OPERATORS, ROLE_GROUPS, Role, Symbol, parse, to_latex,
};

/// A formula, ready to be shown.
#[derive(Clone, Debug)]
pub struct Formula {
    /// As text that the command takes.
    pub text: String,
    /// As MathML; `None` where the text is no formula.
    pub math: Option<String>,
    /// Every symbol and word in it with its meaning, in order of appearance.
    pub legend: Vec<(String, String)>,
    /// What it reads, in a sentence.
    pub reads: String,
}

impl Formula {
    /// Reads a formula; another text is shown as it is.
    pub fn new(text: &str) -> Self {
        let Ok(node) = parse(text) else {
            return Self {
                text: text.to_owned(),
                math: None,
                legend: Vec::new(),
                reads: String::new(),
            };
        };
        let latex = to_latex(&node);
        let mut reader = Reader {
            rest: &latex,
            legend: Vec::new(),
            depth: 0,
        };
        let math = reader.row(None);
        Self {
            text: text.to_owned(),
            math: Some(format!(
                "<math display=\"block\" aria-label=\"{}\">{math}</math>",
                escaped(text)
            )),
            legend: reader.legend,
            reads: reads(&node),
        }
    }
}

/// What a formula looks at, in a sentence.
fn reads(node: &Node) -> String {
    let mut seen = Seen::default();
    seen.walk(node);
    let mut parts = Vec::new();
    if !seen.symbols.is_empty() {
        let names = seen
            .symbols
            .values()
            .map(|symbol| format!("{symbol:?} ({})", symbol.meaning()));
        parts.push(names.collect::<Vec<_>>().join(", "));
    }
    if !seen.roles.is_empty() {
        parts.push(format!("at the sites {}", seen.roles.join(", ")));
    }
    if !seen.scalars.is_empty() {
        let counts = seen.scalars.join(", ");
        parts.push(match seen.symbols.is_empty() {
            true => format!("nothing but the numbers {counts}: no network is run"),
            false => format!("and the numbers {counts}"),
        });
    }
    match parts.is_empty() {
        true => "It reads nothing.".to_owned(),
        false => format!("It reads {}.", parts.join(" ")),
    }
}

#[derive(Default)]
struct Seen {
    symbols: BTreeMap<String, Symbol>,
    roles: Vec<String>,
    scalars: Vec<&'static str>,
}

impl Seen {
    fn walk(&mut self, node: &Node) {
        match node {
            Node::Symbol(symbol) => {
                self.symbols.insert(format!("{symbol:?}"), *symbol);
            }
            Node::Scalar(scalar) if !self.scalars.contains(&scalar.name()) => {
                self.scalars.push(scalar.name());
            }
            Node::Aggregate {
                roles: Some(roles), ..
            } => {
                let roles = roles.to_string();
                if !self.roles.contains(&roles) {
                    self.roles.push(roles);
                }
            }
            _ => (),
        }
        node.children().iter().for_each(|child| self.walk(child));
    }
}

/// Meaning of a word or letter of a formula.
fn meaning(word: &str) -> Option<String> {
    let symbols = || Symbol::ALL.iter().chain(&Symbol::LATER);
    if let Some(symbol) = symbols().find(|symbol| format!("{symbol:?}") == word) {
        return Some(symbol.meaning().to_owned());
    }
    let mut scalars = NetworkScalar::ALL.iter();
    if let Some(scalar) = scalars.find(|row| row.name == word) {
        return Some(scalar.description.to_owned());
    }
    if let Some((_, group)) = ROLE_GROUPS.iter().find(|(name, _)| *name == word) {
        let roles: Vec<&str> = group.iter().map(Role::name).collect();
        return Some(format!("over the sites {}", roles.join(", ")));
    }
    if Role::ALL.iter().any(|(_, name)| *name == word) {
        return Some(format!("over the sites {word}"));
    }
    if word == "by layer" {
        return Some("layer by layer".to_owned());
    }
    operator(word, |_| true)
}

fn operator(name: &str, is_meant: impl Fn(Kind) -> bool) -> Option<String> {
    let mut rows = OPERATORS.iter().filter(|row| is_meant(row.kind));
    rows.find(|row| row.name == name)
        .map(|row| row.doc.to_owned())
}

/// Words in one text of TeX: `ffn, by layer`.
fn meanings(text: &str) -> Option<String> {
    let all: Vec<String> = text.split(", ").filter_map(meaning).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Reads the TeX that `to_latex` writes.
struct Reader<'a> {
    rest: &'a str,
    legend: Vec<(String, String)>,
    depth: usize,
}

/// What ends a row.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Brace,
    Bracket,
    Right,
}

/// Deepest nesting that is read; formulas are bounded, so this is never met.
const DEEPEST: usize = 1000;

impl Reader<'_> {
    /// Items up to the end, which is taken too.
    fn row(&mut self, end: Option<End>) -> String {
        let mut items: Vec<String> = Vec::new();
        self.depth += 1;
        loop {
            self.rest = self.rest.trim_start();
            let Some(first) = self.rest.chars().next() else {
                break;
            };
            if self.depth > DEEPEST {
                break;
            }
            match (first, end) {
                ('}', Some(End::Brace)) | (']', Some(End::Bracket)) => {
                    self.rest = &self.rest[1..];
                    break;
                }
                ('\\', Some(End::Right)) if self.rest.starts_with(r"\right") => {
                    self.rest = &self.rest[r"\right".len()..];
                    break;
                }
                ('^' | '_', _) => {
                    self.rest = &self.rest[1..];
                    let base = items.pop().unwrap_or_else(|| "<mrow></mrow>".to_owned());
                    let script = self.item();
                    let element = if first == '^' { "msup" } else { "msub" };
                    items.push(format!("<{element}>{base}{script}</{element}>"));
                }
                _ => items.push(self.item()),
            }
        }
        self.depth -= 1;
        match items.len() {
            1 => items.pop().unwrap_or_default(),
            _ => format!("<mrow>{}</mrow>", items.concat()),
        }
    }

    /// One item: a group, a command, a name, a number, or a sign.
    fn item(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else {
            return String::new();
        };
        let take = |rest: &mut &str, is_part: fn(char) -> bool| {
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            *rest = after;
            word.to_owned()
        };
        match first {
            '{' => {
                self.rest = &self.rest[1..];
                self.row(Some(End::Brace))
            }
            '\\' => {
                self.rest = &self.rest[1..];
                let name = take(&mut self.rest, |c| c.is_ascii_alphabetic());
                self.command(&name)
            }
            c if c.is_ascii_alphabetic() => {
                let word = take(&mut self.rest, |c| c.is_ascii_alphanumeric());
                self.word("mi", &word, &word, meaning(&word))
            }
            c if c.is_ascii_digit() || c == '.' => {
                let number = take(&mut self.rest, |c| c.is_ascii_digit() || c == '.');
                format!("<mn>{number}</mn>")
            }
            sign => {
                self.rest = &self.rest[sign.len_utf8()..];
                let sign = if sign == '-' { '−' } else { sign };
                format!("<mo>{}</mo>", escaped(&sign.to_string()))
            }
        }
    }

    /// The item that a command begins.
    fn command(&mut self, name: &str) -> String {
        match name {
            "frac" => {
                let (above, below) = (self.item(), self.item());
                format!("<mfrac>{above}{below}</mfrac>")
            }
            "sqrt" => match self.rest.strip_prefix('[') {
                Some(rest) => {
                    self.rest = rest;
                    let index = self.row(Some(End::Bracket));
                    format!("<mroot>{}{index}</mroot>", self.item())
                }
                None => format!("<msqrt>{}</msqrt>", self.item()),
            },
            "operatorname" => {
                let word = self.raw();
                let says =
                    operator(&word, |kind| kind != Kind::Aggregator).or_else(|| meaning(&word));
                self.word("mi", &word, &word, says)
            }
            "text" => {
                let word = self.raw().replace(r"\_", "_");
                self.word("mtext", &word, &word, meanings(&word))
            }
            "left" => {
                let open = self.delimiter();
                let inner = self.row(Some(End::Right));
                let close = self.delimiter();
                format!("<mrow>{open}{inner}{close}</mrow>")
            }
            "sum" => {
                let says = operator("sum", |kind| kind == Kind::Aggregator);
                self.word("mo", "∑", "∑", says)
            }
            "cdot" => "<mo>·</mo>".to_owned(),
            "top" => self.word("mo", "⊤", "⊤", Some("transposed".to_owned())),
            "sigma" => self.word("mi", "σ", "σ", operator("sigmoid", |_| true)),
            "lambda" => "<mi>λ</mi>".to_owned(),
            "psi" => "<mi>ψ</mi>".to_owned(),
            // `\log`, `\max` and their like: words.
            _ => self.word("mi", name, name, operator(name, |_| true)),
        }
    }

    /// The text between braces.
    fn raw(&mut self) -> String {
        let inner = self.rest.strip_prefix('{').unwrap_or(self.rest);
        let end = inner.find('}').unwrap_or(inner.len());
        let text = inner[..end].to_owned();
        self.rest = inner.get(end + 1..).unwrap_or("");
        text
    }

    /// The sign after `\left` or `\right`.
    fn delimiter(&mut self) -> String {
        for (tex, sign) in [
            (r"\lVert", "‖"),
            (r"\rVert", "‖"),
            ("(", "("),
            (")", ")"),
            ("|", "|"),
        ] {
            if let Some(rest) = self.rest.strip_prefix(tex) {
                self.rest = rest;
                return format!("<mo stretchy=\"true\" fence=\"true\">{sign}</mo>");
            }
        }
        String::new()
    }

    /// A word that may be explained.
    fn word(&mut self, element: &str, shown: &str, name: &str, says: Option<String>) -> String {
        let mut out = format!("<{element}");
        // A word of one letter would be italic by itself, as symbols shall be.
        if let Some(says) = says {
            let _ = write!(
                out,
                " class=\"word\" data-says=\"{}\"",
                escaped(&format!("{name}: {says}"))
            );
            if !self.legend.iter().any(|(known, _)| known == name) {
                self.legend.push((name.to_owned(), says));
            }
        }
        let _ = write!(out, ">{}</{element}>", escaped(shown));
        out
    }
}

fn escaped(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use lpzero_proxy::named::NAMED;

    use super::*;

    #[test]
    fn a_formula_is_math_whose_symbols_are_explained() {
        let formula = Formula::new("sum[ffn](sqrt(mean(abs(W * G)))) / params");
        let math = formula.math.unwrap_or_default();
        let says = format!("data-says=\"W: {}", escaped(Symbol::W.meaning()));
        assert!(
            math.contains("<mfrac>") && math.contains("<msqrt>") && math.contains(&says),
            "{math}"
        );
        assert!(math.contains("<msub><mo class=\"word\""), "{math}");
        let words: Vec<&str> = formula.legend.iter().map(|(word, _)| &word[..]).collect();
        assert_eq!(words, ["∑", "ffn", "mean", "W", "G", "params"]);
        assert!(
            formula.reads.contains("ffn") && formula.reads.contains("params"),
            "{}",
            formula.reads
        );
    }

    #[test]
    fn every_named_proxy_is_well_formed() {
        for named in NAMED {
            let formula = Formula::new(&named.node().to_string());
            let math = formula.math.unwrap_or_default();
            let mut open: Vec<&str> = Vec::new();
            for tag in math.split('<').skip(1) {
                let name = tag.split(['>', ' ']).next().unwrap_or("");
                match name.strip_prefix('/') {
                    Some(name) => assert_eq!(open.pop(), Some(name), "{math}"),
                    None => open.push(name),
                }
            }
            assert!(open.is_empty(), "{math}");
            // Nothing of TeX is left over.
            let texts: String = math
                .split('<')
                .map(|tag| tag.split('>').nth(1).unwrap_or(""))
                .collect();
            assert!(
                !texts.contains(['\\', '{', '}', '#']),
                "{}: {texts}",
                named.name
            );
            assert!(!formula.reads.is_empty());
        }
    }

    #[test]
    fn what_is_no_formula_is_a_text() {
        let formula = Formula::new("<script>alert(1)</script>");
        assert!(formula.math.is_none() && formula.legend.is_empty());
    }
}
