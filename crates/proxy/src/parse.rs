//! Text to formula: a Pratt parser that types what it reads, so that every
//! error knows its column.

use std::ops::Range;

use lpzero_trace::{NetworkScalar, Symbol};

use crate::error::{MAX_LENGTH, ParseError, ParseErrorKind, closest};
use crate::named;
use crate::operator::PREFIX_PRECEDENCE;
use crate::print::symbol_name;
use crate::types::{aggregate_type, apply_type};
use crate::{
    Class, Fixity, Kind, MAX_DEPTH, Node, OPERATORS, OperatorId, RoleSet, Type, TypeError,
};

/// Reads a proxy: a formula that is one number per architecture.
///
/// ```
/// let snip = lpzero_proxy::parse("sum(sum(abs(W * G)))")?;
/// assert_eq!(snip.to_string(), "sum(sum(abs(W * G)))");
///
/// let source = "sum(sum(abs(W + A)))";
/// let error = lpzero_proxy::parse(source).unwrap_err();
/// assert_eq!(
///     error.render(source),
///     "`+` cannot combine a tensor of parameters (W, G) with a tensor of outputs (A, D, H, J) at column 15
///   sum(sum(abs(W + A)))
///                 ^"
/// );
/// # Ok::<(), lpzero_proxy::ParseError>(())
/// ```
pub fn parse(source: &str) -> Result<Node, ParseError> {
    let parsed = parse_typed(source)?;
    match parsed.of {
        Type::Network | Type::Number => Ok(parsed.node),
        found => Err(ParseError::new(
            TypeError::NotAScore { found },
            parsed.span,
            source,
        )),
    }
}

/// Reads a formula of any type.
pub fn parse_expression(source: &str) -> Result<Node, ParseError> {
    parse_typed(source).map(|parsed| parsed.node)
}

fn parse_typed(source: &str) -> Result<Parsed, ParseError> {
    if source.len() > MAX_LENGTH {
        let length = source.len();
        return Err(ParseError::new(
            ParseErrorKind::TooLong { length },
            0..0,
            source,
        ));
    }
    if source.trim().is_empty() {
        return Err(ParseError::new(ParseErrorKind::Empty, 0..0, source));
    }
    let mut parser = Parser {
        source,
        position: 0,
        nesting: 0,
    };
    let parsed = parser.expression(0)?;
    match parser.peek() {
        (Token::End, _) => Ok(parsed),
        _ => Err(parser.unexpected("an operator or the end of the formula")),
    }
}

/// A part of a formula with what the parser knows about it.
struct Parsed {
    node: Node,
    of: Type,
    span: Range<usize>,
    depth: usize,
    /// A number literal, which a minus sign in front becomes part of.
    literal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Number(&'a str),
    Name(&'a str),
    Sign(&'a str),
    End,
}

struct Parser<'a> {
    source: &'a str,
    position: usize,
    /// Calls of [`Parser::expression`] that are under way.
    nesting: usize,
}

/// Brackets and calls that the parser descends into. A tree of `MAX_DEPTH`
/// never prints with more than two of them per level.
const MAX_NESTING: usize = 2 * MAX_DEPTH;

impl<'a> Parser<'a> {
    /// Reads operators that bind at least as tightly as `minimum`.
    fn expression(&mut self, minimum: u8) -> Result<Parsed, ParseError> {
        if self.nesting >= MAX_NESTING {
            let (_, span) = self.peek();
            return Err(self.error(ParseErrorKind::TooDeep, span));
        }
        self.nesting += 1;
        let mut left = self.operand()?;
        while let (Token::Sign(sign), span) = self.peek() {
            let infix = OperatorId::all().find_map(|id| match id.row().fixity {
                Fixity::Left(own, precedence) if own == sign => Some((id, precedence, 1)),
                Fixity::Right(own, precedence) if own == sign => Some((id, precedence, 0)),
                _ => None,
            });
            let Some((operator, precedence, step)) = infix else {
                break;
            };
            if precedence < minimum {
                break;
            }
            self.position = span.end;
            let right = self.expression(precedence + step)?;
            let whole = left.span.start..right.span.end;
            left = self.apply(operator, span, whole, vec![left, right])?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    /// Reads one operand: a literal, a name, a call, a bracketed formula, or
    /// a prefix operator with its operand.
    fn operand(&mut self) -> Result<Parsed, ParseError> {
        let (token, span) = self.peek();
        match token {
            Token::Number(text) => {
                self.position = span.end;
                let value = text.parse().unwrap_or(f64::NAN);
                self.literal(value, text, span)
            }
            Token::Name(name) => {
                self.position = span.end;
                self.name(name, span)
            }
            Token::Sign("(") => {
                self.position = span.end;
                let inner = self.expression(0)?;
                let end = self.expect(")", "an operator or `)`")?;
                Ok(Parsed {
                    span: span.start..end,
                    literal: false,
                    ..inner
                })
            }
            Token::Sign(sign) => {
                let prefix =
                    |id: &OperatorId| matches!(id.row().fixity, Fixity::Prefix(own) if own == sign);
                let Some(operator) = OperatorId::all().find(prefix) else {
                    return Err(self.unexpected("a number, a name or `(`"));
                };
                self.position = span.end;
                let operand = self.expression(PREFIX_PRECEDENCE)?;
                let whole = span.start..operand.span.end;
                match operand.node {
                    Node::Number(value) if operand.literal => {
                        Ok(leaf(Node::Number(-value), Type::Number, whole))
                    }
                    _ => self.apply(operator, span, whole, vec![operand]),
                }
            }
            Token::End => Err(self.unexpected("a number, a name or `(`")),
        }
    }

    fn literal(&self, value: f64, text: &str, span: Range<usize>) -> Result<Parsed, ParseError> {
        if !value.is_finite() {
            let text = text.to_owned();
            return Err(self.error(ParseErrorKind::Number { text }, span));
        }
        Ok(Parsed {
            literal: true,
            ..leaf(Node::Number(value), Type::Number, span)
        })
    }

    /// Reads what follows a name: nothing, arguments, or a filter and arguments.
    fn name(&mut self, name: &str, span: Range<usize>) -> Result<Parsed, ParseError> {
        match self.peek() {
            (Token::Sign("["), _) => {
                let filter = self.filter()?;
                self.call(name, span, Some(filter))
            }
            (Token::Sign("("), _) => self.call(name, span, None),
            _ => self.leaf_named(name, span),
        }
    }

    fn leaf_named(&self, name: &str, span: Range<usize>) -> Result<Parsed, ParseError> {
        let mut symbols = Symbol::ALL.into_iter().chain(Symbol::LATER);
        if let Some(symbol) = symbols.find(|symbol| symbol_name(*symbol) == name) {
            let class = Class::of(symbol);
            return Ok(leaf(Node::Symbol(symbol), Type::Tensor(class), span));
        }
        if let Some(row) = NetworkScalar::ALL.iter().find(|row| row.name == name) {
            return Ok(leaf(Node::Scalar(row.scalar), Type::Network, span));
        }
        if let Some(proxy) = named::find(name) {
            let node = proxy.node();
            return Ok(Parsed {
                depth: node.depth(),
                ..leaf(node, Type::Network, span)
            });
        }
        let name = name.to_owned();
        let kind = if operator_names().any(|operator| operator == name) {
            ParseErrorKind::MissingArguments { name }
        } else {
            let symbols = Symbol::ALL
                .into_iter()
                .chain(Symbol::LATER)
                .map(symbol_name);
            let scalars = NetworkScalar::ALL.iter().map(|row| row.name);
            let proxies = named::NAMED.iter().map(|proxy| proxy.name);
            ParseErrorKind::UnknownName {
                what: "name",
                suggestion: closest(&name, symbols.chain(scalars).chain(proxies)),
                name,
            }
        };
        Err(self.error(kind, span))
    }

    /// Reads `[ffn, query, by layer]`.
    fn filter(&mut self) -> Result<(Option<RoleSet>, bool), ParseError> {
        let open = self.expect("[", "`[`")?;
        let Some(length) = self.source[open..].find(']') else {
            self.position = self.source.len();
            return Err(self.unexpected("`]` after the roles of the filter"));
        };
        let mut roles: Option<RoleSet> = None;
        let mut by_layer = false;
        let mut start = open;
        // Names of roles have hyphens, so the items are cut out of the text.
        for item in self.source[open..open + length].split(',') {
            let name = item.trim();
            let begin = start + (item.len() - item.trim_start().len());
            start += item.len() + 1;
            if name.split_whitespace().eq(["by", "layer"]) {
                by_layer = true;
            } else if let Some(set) = RoleSet::named(name) {
                roles = Some(roles.unwrap_or_default().union(set));
            } else {
                let candidates = RoleSet::names().chain(["by layer"]);
                let kind = ParseErrorKind::UnknownName {
                    what: "role",
                    name: name.to_owned(),
                    suggestion: closest(name, candidates),
                };
                return Err(self.error(kind, begin..begin + name.len()));
            }
        }
        self.position = open + length + 1;
        Ok((roles, by_layer))
    }

    /// Reads the arguments of an operator's name, and finds out which of the
    /// operators with this name it is.
    fn call(
        &mut self,
        name: &str,
        span: Range<usize>,
        filter: Option<(Option<RoleSet>, bool)>,
    ) -> Result<Parsed, ParseError> {
        // An unknown name is reported before its arguments are read.
        if !operator_names().any(|operator| operator == name) {
            let kind = ParseErrorKind::UnknownName {
                what: "operator",
                name: name.to_owned(),
                suggestion: closest(name, operator_names()),
            };
            return Err(self.error(kind, span));
        }
        self.expect("(", "`(`")?;
        let mut arguments = vec![self.expression(0)?];
        while let (Token::Sign(","), comma) = self.peek() {
            self.position = comma.end;
            arguments.push(self.expression(0)?);
        }
        let end = self.expect(")", "an operator, `,` or `)`")?;
        let whole = span.start..end;

        let candidates = || OperatorId::called(name, arguments.len());
        let aggregator = candidates().find(|id| id.row().kind == Kind::Aggregator);
        let other = candidates().find(|id| id.row().kind != Kind::Aggregator);
        let reducible = matches!(arguments[0].of, Type::Tensor(_));
        match (aggregator, other, filter) {
            (None, _, Some(_)) => {
                let name = name.to_owned();
                Err(self.error(ParseErrorKind::NoAggregator { name }, span))
            }
            (Some(aggregator), None, filter) | (Some(aggregator), Some(_), filter @ Some(_)) => {
                self.aggregate(aggregator, filter, span, whole, arguments)
            }
            (Some(aggregator), Some(_), None) if !reducible => {
                self.aggregate(aggregator, None, span, whole, arguments)
            }
            (_, Some(operator), None) => self.apply(operator, span, whole, arguments),
            (None, None, None) => {
                let named = |id: &OperatorId| {
                    let row = id.row();
                    row.name == name || row.aliases.contains(&name)
                };
                let known = OperatorId::all().find(named);
                let error = TypeError::Arity {
                    operator: known.map_or("", |id| id.row().name),
                    expected: known.map_or(1, |id| id.row().arity()),
                    found: arguments.len(),
                };
                Err(self.error(error, span))
            }
        }
    }

    /// Builds an operator over typed arguments; `place` is where it is written.
    fn apply(
        &self,
        operator: OperatorId,
        place: Range<usize>,
        span: Range<usize>,
        arguments: Vec<Parsed>,
    ) -> Result<Parsed, ParseError> {
        let depth = self.depth(&arguments, &place)?;
        let types: Vec<Type> = arguments.iter().map(|argument| argument.of).collect();
        let spans: Vec<_> = arguments.iter().map(|part| part.span.clone()).collect();
        let nodes: Vec<Node> = arguments.into_iter().map(|part| part.node).collect();
        match apply_type(operator, &nodes, &types) {
            Ok(of) => Ok(Parsed {
                depth,
                ..leaf(Node::Apply(operator, nodes), of, span)
            }),
            Err(error) => {
                let culprit = error.culprit().and_then(|index| spans.get(index));
                let span = culprit.cloned().unwrap_or(place);
                Err(self.error(error, span))
            }
        }
    }

    /// Builds an aggregate; `place` is where its name stands.
    fn aggregate(
        &self,
        operator: OperatorId,
        filter: Option<(Option<RoleSet>, bool)>,
        place: Range<usize>,
        span: Range<usize>,
        arguments: Vec<Parsed>,
    ) -> Result<Parsed, ParseError> {
        let depth = self.depth(&arguments, &place)?;
        let (roles, by_layer) = filter.unwrap_or_default();
        let mut arguments = arguments.into_iter();
        // `called` with one argument is the only way here.
        let argument = arguments.next().expect("an aggregate has one argument");
        match aggregate_type(operator, roles, by_layer, argument.of) {
            Ok(of) => {
                let node = Node::Aggregate {
                    operator,
                    roles,
                    by_layer,
                    argument: Box::new(argument.node),
                };
                Ok(Parsed {
                    depth,
                    ..leaf(node, of, span)
                })
            }
            Err(error) => {
                let span = error.culprit().map_or(place, |_| argument.span);
                Err(self.error(error, span))
            }
        }
    }

    /// Depth of a tree over these parts, if it may be that deep.
    fn depth(&self, parts: &[Parsed], place: &Range<usize>) -> Result<usize, ParseError> {
        let depth = 1 + parts.iter().map(|part| part.depth).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(self.error(ParseErrorKind::TooDeep, place.clone()));
        }
        Ok(depth)
    }

    /// The next token, which stays where it is.
    fn peek(&self) -> (Token<'a>, Range<usize>) {
        let rest = &self.source[self.position..];
        let start = self.position + (rest.len() - rest.trim_start().len());
        let text = &self.source[start..];
        let Some(first) = text.chars().next() else {
            let end = self.source.trim_end().len();
            return (Token::End, end..end);
        };
        if first.is_ascii_digit() || first == '.' {
            let end = start + number_length(text);
            (Token::Number(&self.source[start..end]), start..end)
        } else if first.is_alphabetic() || first == '_' {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let end = start + text.find(|c| !word(c)).unwrap_or(text.len());
            (Token::Name(&self.source[start..end]), start..end)
        } else {
            let end = start + first.len_utf8();
            (Token::Sign(&self.source[start..end]), start..end)
        }
    }

    /// Reads this sign and returns its end.
    fn expect(&mut self, sign: &str, expected: &'static str) -> Result<usize, ParseError> {
        match self.peek() {
            (Token::Sign(found), span) if found == sign => {
                self.position = span.end;
                Ok(span.end)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    fn unexpected(&self, expected: &'static str) -> ParseError {
        let (token, span) = self.peek();
        let found = match token {
            Token::Number(text) | Token::Name(text) | Token::Sign(text) => format!("`{text}`"),
            Token::End => "the end of the formula".to_owned(),
        };
        self.error(ParseErrorKind::Unexpected { expected, found }, span)
    }

    fn error(&self, kind: impl Into<ParseErrorKind>, span: Range<usize>) -> ParseError {
        ParseError::new(kind, span, self.source)
    }
}

fn leaf(node: Node, of: Type, span: Range<usize>) -> Parsed {
    Parsed {
        node,
        of,
        span,
        depth: 1,
        literal: false,
    }
}

fn operator_names() -> impl Iterator<Item = &'static str> {
    OPERATORS
        .iter()
        .flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()))
}

/// Length of the number that the text starts with: digits, at most one point,
/// and an exponent where digits follow it.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            end = after;
        }
    }
    end
}
