//! Text to tree. A Pratt parser over CEL's grammar without maps, messages, bytes, floats and `null`.
//!
//! # Source
//! CEL language definition, syntax; `expr::tests` hold it to the `cel` crate.

use std::ops::Range;

use super::ast::{Each, Node, NodeKind, Operator, Path, Program};
use super::error::{ExprError, ExprErrorKind};
use super::functions::{FUNCTIONS, Function};
use super::lex::{Lexeme, Sign, lex};
use super::{DEPTH_MOST, TEXT_MOST_BYTES, remembered};
use crate::id::Name;
use crate::nearest::nearest;

/// How deep brackets may be nested. Each level takes nine calls of the parser, so this bounds its stack.
const BRACKETS_MOST: u16 = 24;

type Parsed = Result<Node, ExprError>;

impl Program {
    /// Parses an expression.
    ///
    /// # Errors
    /// When the text is too long, too deep or no expression of the language. Names and types are [`super::check`]'s.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        if text.len() > TEXT_MOST_BYTES {
            return Err(ExprError { span: 0..text.len(), kind: ExprErrorKind::TooLong });
        }
        if let Some(program) = remembered::program(text) {
            return Ok(program);
        }
        let mut parser = Parser { lexemes: lex(text)?, at: 0, brackets: 0 };
        let root = parser.expression()?.into();
        match parser.peek() {
            Lexeme::End => Ok(remembered::keep_program(text, Self { root })),
            _ => Err(parser.expected("an operator or the end")),
        }
    }
}

/// Names that mean the same everywhere, so no item is called so.
const OURS: [&str; 3] = ["now", "settings", "trigger"];

/// Words of the language and those that CEL keeps for languages around it.
#[rustfmt::skip]
fn is_reserved(word: &str) -> bool {
    matches!(
        word,
        "as" | "break" | "const" | "continue" | "else" | "false" | "for" | "function" | "if" | "import" | "in" | "let"
            | "loop" | "namespace" | "null" | "package" | "return" | "true" | "var" | "void" | "while"
    )
}

struct Parser<'t> {
    lexemes: Vec<(Lexeme<'t>, Range<usize>)>,
    at: usize,
    brackets: u16,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &Lexeme<'t> {
        self.lexemes.get(self.at).map_or(&Lexeme::End, |(lexeme, _)| lexeme)
    }

    fn span(&self) -> Range<usize> {
        self.lexemes.get(self.at).map_or(0..0, |(_, span)| span.clone())
    }

    /// Takes a word or sign out: nobody looks back.
    fn next(&mut self) -> (Lexeme<'t>, Range<usize>) {
        let end = |(lexeme, span): &mut (_, Range<usize>)| (std::mem::replace(lexeme, Lexeme::End), span.clone());
        let found = self.lexemes.get_mut(self.at).map_or((Lexeme::End, 0..0), end);
        self.at = (self.at + 1).min(self.lexemes.len().saturating_sub(1));
        found
    }

    fn takes(&mut self, sign: Sign) -> bool {
        let there = matches!(self.peek(), Lexeme::Sign(found) if *found == sign);
        if there {
            self.next();
        }
        there
    }

    fn needs(&mut self, sign: Sign, wanted: &'static str) -> Result<Range<usize>, ExprError> {
        let span = self.span();
        if self.takes(sign) { Ok(span) } else { Err(self.expected(wanted)) }
    }

    fn expected(&self, wanted: &'static str) -> ExprError {
        ExprError { span: self.span(), kind: ExprErrorKind::Expected(wanted) }
    }

    /// Every nested expression comes through here, so nesting is counted once.
    fn expression(&mut self) -> Parsed {
        if self.brackets >= BRACKETS_MOST {
            return Err(ExprError { span: self.span(), kind: ExprErrorKind::TooDeep });
        }
        self.brackets += 1;
        let node = self.choice();
        self.brackets -= 1;
        node
    }

    fn choice(&mut self) -> Parsed {
        let condition = self.any_of()?;
        if !self.takes(Sign::Question) {
            return Ok(condition);
        }
        let yes = self.any_of()?;
        self.needs(Sign::Colon, "`:` and the value for the other case")?;
        let no = self.expression()?;
        let span = condition.span.start..no.span.end;
        node(NodeKind::Choose(Box::new(condition), Box::new(yes), Box::new(no)), span)
    }

    fn any_of(&mut self) -> Parsed {
        let first = self.all_of()?;
        self.chain(first, Sign::Or, Self::all_of, NodeKind::Or)
    }

    fn all_of(&mut self) -> Parsed {
        let first = self.binary(1)?;
        self.chain(first, Sign::And, |parser| parser.binary(1), NodeKind::And)
    }

    fn chain(
        &mut self,
        first: Node,
        sign: Sign,
        part: fn(&mut Self) -> Parsed,
        join: fn(Vec<Node>) -> NodeKind,
    ) -> Parsed {
        if !matches!(self.peek(), Lexeme::Sign(found) if *found == sign) {
            return Ok(first);
        }
        let start = first.span.start;
        let mut nodes = vec![first];
        while self.takes(sign) {
            nodes.push(part(self)?);
        }
        let span = start..nodes.last().map_or(start, |last| last.span.end);
        // `a && (b && c)` says the same as `a && b && c`; one shape for both.
        node(join(flatten(nodes, join)), span)
    }

    fn operator(&self) -> Option<Operator> {
        Some(match self.peek() {
            Lexeme::Word("in") => Operator::In,
            Lexeme::Sign(sign) => match sign {
                Sign::Equal => Operator::Equal,
                Sign::NotEqual => Operator::NotEqual,
                Sign::Less => Operator::Less,
                Sign::LessOrEqual => Operator::LessOrEqual,
                Sign::Greater => Operator::Greater,
                Sign::GreaterOrEqual => Operator::GreaterOrEqual,
                Sign::Plus => Operator::Plus,
                Sign::Minus => Operator::Minus,
                Sign::Times => Operator::Times,
                Sign::Divide => Operator::Divide,
                Sign::Modulo => Operator::Modulo,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Operators that bind at least so strongly; the recursion is at most as deep as there are strengths.
    fn binary(&mut self, least: u8) -> Parsed {
        let mut left = self.unary()?;
        while let Some(operator) = self.operator().filter(|operator| operator.strength() >= least) {
            self.next();
            let right = self.binary(operator.strength() + 1)?;
            let span = left.span.start..right.span.end;
            left = node(NodeKind::Binary(operator, Box::new(left), Box::new(right)), span)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let start = self.span().start;
        let sign = match self.peek() {
            Lexeme::Sign(sign @ (Sign::Not | Sign::Minus)) => *sign,
            _ => return self.postfix(),
        };
        let mut count = 0;
        while self.takes(sign) {
            count += 1;
            if count > DEPTH_MOST {
                return Err(ExprError { span: start..self.span().end, kind: ExprErrorKind::TooDeep });
            }
        }
        let mut of = self.postfix()?;
        for _ in 0..count {
            let span = start..of.span.end;
            let kind = match (sign, of.kind) {
                (Sign::Minus, NodeKind::Integer(n)) => NodeKind::Integer(-n),
                (Sign::Minus, NodeKind::Decimal(d)) => {
                    NodeKind::Decimal(super::Decimal::default().minus(d).unwrap_or(d))
                }
                (Sign::Minus, kind) => NodeKind::Negate(Box::new(Node { kind, ..of })),
                (_, kind) => NodeKind::Not(Box::new(Node { kind, ..of })),
            };
            of = node(kind, span)?;
        }
        Ok(of)
    }

    fn postfix(&mut self) -> Parsed {
        let mut of = self.primary()?;
        loop {
            let start = of.span.start;
            if self.takes(Sign::Dot) {
                let (word, span) = self.word("the name of a field or function")?;
                of = if self.takes(Sign::Open) {
                    self.method(of, word, span)?
                } else {
                    let field = name(word, &span)?;
                    let kind = match of.kind {
                        NodeKind::Path(mut path) => {
                            path.fields.push(field);
                            NodeKind::Path(path)
                        }
                        kind => NodeKind::Field(Box::new(Node { kind, ..of }), field),
                    };
                    node(kind, start..span.end)?
                };
            } else if self.takes(Sign::OpenList) {
                let index = self.expression()?;
                let end = self.needs(Sign::CloseList, "`]`")?.end;
                of = node(NodeKind::Index(Box::new(of), Box::new(index)), start..end)?;
            } else {
                return Ok(of);
            }
        }
    }

    fn word(&mut self, wanted: &'static str) -> Result<(&'t str, Range<usize>), ExprError> {
        let Lexeme::Word(word) = *self.peek() else { return Err(self.expected(wanted)) };
        Ok((word, self.next().1))
    }

    /// `of.word(…)`, behind the bracket.
    fn method(&mut self, of: Node, word: &str, span: Range<usize>) -> Parsed {
        let start = of.span.start;
        if let Some(each) = Each::ALL.into_iter().find(|each| each.as_str() == word) {
            let (variable, place) = self.word("a name for the item")?;
            if OURS.contains(&variable) {
                return Err(ExprError {
                    span: place,
                    kind: ExprErrorKind::Expected("a name that nothing else here has"),
                });
            }
            let variable = name(variable, &place)?;
            self.needs(Sign::Comma, "`,` and an expression over the item")?;
            let body = self.expression()?;
            let end = self.needs(Sign::Close, "`)`")?.end;
            return node(NodeKind::Each(each, Box::new(of), variable, Box::new(body)), start..end);
        }
        let (mut arguments, end) = self.list(Sign::Close, "`)` or `,`")?;
        arguments.insert(0, of);
        call(word, arguments, start..end, span)
    }

    fn list(&mut self, close: Sign, wanted: &'static str) -> Result<(Vec<Node>, usize), ExprError> {
        let mut nodes = Vec::new();
        let mut end = self.span().end;
        if self.takes(close) {
            return Ok((nodes, end));
        }
        loop {
            nodes.push(self.expression()?);
            end = self.span().end;
            if self.takes(close) {
                return Ok((nodes, end));
            }
            if !self.takes(Sign::Comma) {
                return Err(self.expected(wanted));
            }
        }
    }

    fn primary(&mut self) -> Parsed {
        let (lexeme, span) = self.next();
        match lexeme {
            Lexeme::Integer(n) => node(NodeKind::Integer(n), span),
            Lexeme::Decimal(d) => node(NodeKind::Decimal(d), span),
            Lexeme::Text(text) => node(NodeKind::Text(text), span),
            Lexeme::Sign(Sign::Open) => {
                let inner = self.expression()?;
                let end = self.needs(Sign::Close, "`)`")?.end;
                Ok(Node { span: span.start..end, ..inner })
            }
            Lexeme::Sign(Sign::OpenList) => {
                let (nodes, end) = self.list(Sign::CloseList, "`]` or `,`")?;
                node(NodeKind::List(nodes), span.start..end)
            }
            Lexeme::Word(word) => self.named(word, span),
            Lexeme::Sign(_) | Lexeme::End => {
                Err(ExprError { span, kind: ExprErrorKind::Expected("a value, a name or a function") })
            }
        }
    }

    fn named(&mut self, word: &str, span: Range<usize>) -> Parsed {
        match word {
            "true" => return node(NodeKind::Boolean(true), span),
            "false" => return node(NodeKind::Boolean(false), span),
            _ => {}
        }
        if is_reserved(word) {
            return Err(ExprError { span, kind: ExprErrorKind::Reserved(word.to_owned()) });
        }
        if self.takes(Sign::Open) {
            let (arguments, end) = self.list(Sign::Close, "`)` or `,`")?;
            return call(word, arguments, span.start..end, span);
        }
        if word == "now" {
            return node(NodeKind::Now, span);
        }
        node(NodeKind::Path(Path { root: name(word, &span)?, fields: Vec::new() }), span)
    }
}

fn flatten(nodes: Vec<Node>, join: fn(Vec<Node>) -> NodeKind) -> Vec<Node> {
    let same = std::mem::discriminant(&join(Vec::new()));
    nodes
        .into_iter()
        .flat_map(|part| {
            if std::mem::discriminant(&part.kind) != same {
                return vec![part];
            }
            match part.kind {
                NodeKind::And(inner) | NodeKind::Or(inner) => inner,
                kind => vec![Node { kind, ..part }],
            }
        })
        .collect()
}

fn name(word: &str, span: &Range<usize>) -> Result<Name, ExprError> {
    let error = |kind| ExprError { span: span.clone(), kind };
    if is_reserved(word) {
        return Err(error(ExprErrorKind::Reserved(word.to_owned())));
    }
    let unknown = || ExprErrorKind::UnknownName { name: word.to_owned(), nearest: None, known: Vec::new() };
    Name::new(word).map_err(|_bad| error(unknown()))
}

/// A part with its depth, unless that is too great.
pub(super) fn node(kind: NodeKind, span: Range<usize>) -> Parsed {
    let mut made = Node { kind, span, depth: 1 };
    made.depth = 1 + made.children().map(|child| child.depth).max().unwrap_or(0);
    if made.depth > DEPTH_MOST {
        return Err(ExprError { span: made.span, kind: ExprErrorKind::TooDeep });
    }
    Ok(made)
}

fn call(word: &str, arguments: Vec<Node>, span: Range<usize>, place: Range<usize>) -> Parsed {
    match word {
        "has" => return has(arguments, span),
        "duration" | "timestamp" => return constant(arguments, span, word),
        _ => {}
    }
    let Some(function) = Function::from_name(word) else {
        // What is called on a list is a function too, and not misspelled.
        if let Some((name, usage, _)) = FUNCTIONS.iter().find(|(name, ..)| *name == word) {
            return Err(arguments_error(name, usage, span));
        }
        let nearest = nearest(word, FUNCTIONS.iter().map(|(name, ..)| *name))
            .and_then(|near| FUNCTIONS.iter().map(|(name, ..)| *name).find(|name| *name == near));
        return Err(ExprError { span: place, kind: ExprErrorKind::UnknownFunction { name: word.to_owned(), nearest } });
    };
    if !function.takes(arguments.len()) {
        return Err(arguments_error(function.as_str(), function.usage(), span));
    }
    node(NodeKind::Call(function, arguments), span)
}

fn arguments_error(function: &'static str, usage: &'static str, span: Range<usize>) -> ExprError {
    ExprError { span, kind: ExprErrorKind::Arguments { function, usage } }
}

/// `has(step)` is ours; CEL itself asks for a field.
fn has(mut arguments: Vec<Node>, span: Range<usize>) -> Parsed {
    match (arguments.pop(), arguments.is_empty()) {
        (Some(Node { kind: NodeKind::Path(path), .. }), true) => node(NodeKind::Has(path), span),
        _ => Err(arguments_error("has", "has(step) or has(step.field)", span)),
    }
}

/// Periods and moments are written out in the expression, so they are read when it is parsed.
fn constant(mut arguments: Vec<Node>, span: Range<usize>, word: &str) -> Parsed {
    let text = match (arguments.pop(), arguments.is_empty()) {
        (Some(Node { kind: NodeKind::Text(text), .. }), true) => Some(text),
        _ => None,
    };
    let kind = text.map(|text| match word {
        "duration" => text.parse().map(NodeKind::Period),
        _ => text.parse().map(NodeKind::Instant),
    });
    let limit = kind.as_ref().and_then(|kind| kind.as_ref().err()?.limit());
    match (kind.and_then(Result::ok), limit) {
        (Some(kind), _) => node(kind, span),
        (None, Some(limit)) => Err(ExprError { span, kind: ExprErrorKind::Expected(limit) }),
        (None, None) if word == "duration" => {
            Err(arguments_error("duration", "duration('2h'), with `s`, `m`, `h` or `d`", span))
        }
        (None, None) => Err(arguments_error("timestamp", "timestamp('2026-03-02T09:00:00Z')", span)),
    }
}
