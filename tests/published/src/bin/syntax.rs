//! Syntax trees that keep all of the text, with rowan. `syntax SOURCES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use rowan::{GreenNode, GreenNodeBuilder, NodeOrToken, SyntaxNode, TextSize, ast::AstNode, ast::support};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
enum Kind {
    Space,
    Word,
    Equals,
    Text,
    Open,
    Close,
    Unknown,
    Pair,
    Section,
    Fault,
    Root,
}

const KINDS: [Kind; 11] = [
    Kind::Space,
    Kind::Word,
    Kind::Equals,
    Kind::Text,
    Kind::Open,
    Kind::Close,
    Kind::Unknown,
    Kind::Pair,
    Kind::Section,
    Kind::Fault,
    Kind::Root,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Lang {}

impl rowan::Language for Lang {
    type Kind = Kind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> Kind {
        KINDS[raw.0 as usize]
    }

    fn kind_to_raw(kind: Kind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

macro_rules! node {
    ($name:ident, $kind:ident) => {
        #[derive(Debug, Clone)]
        struct $name(SyntaxNode<Lang>);

        impl AstNode for $name {
            type Language = Lang;

            fn can_cast(kind: Kind) -> bool {
                kind == Kind::$kind
            }

            fn cast(node: SyntaxNode<Lang>) -> Option<$name> {
                Self::can_cast(node.kind()).then_some($name(node))
            }

            fn syntax(&self) -> &SyntaxNode<Lang> {
                &self.0
            }
        }

        impl $name {
            fn name(&self) -> Option<String> {
                support::token(&self.0, Kind::Word).map(|token| token.text().to_owned())
            }
        }
    };
}
node!(Pair, Pair);
node!(Section, Section);

fn tokens(text: &str) -> Vec<(Kind, &str)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = |is: fn(char) -> bool| rest.find(|letter| !is(letter)).unwrap_or(rest.len());
        let (kind, length) = match first {
            '=' => (Kind::Equals, 1),
            '{' => (Kind::Open, 1),
            '}' => (Kind::Close, 1),
            '"' => (Kind::Text, rest[1..].find('"').map_or(rest.len(), |end| end + 2)),
            letter if letter.is_whitespace() => (Kind::Space, run(char::is_whitespace)),
            letter if letter.is_alphabetic() => (Kind::Word, run(char::is_alphanumeric)),
            letter => (Kind::Unknown, letter.len_utf8()),
        };
        let (token, after) = rest.split_at(length);
        tokens.push((kind, token));
        rest = after;
    }
    tokens
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<(Kind, &'a str)>>,
    builder: GreenNodeBuilder<'static>,
    errors: Vec<String>,
}

impl Parser<'_> {
    fn bump(&mut self) {
        if let Some((kind, text)) = self.tokens.next() {
            self.builder.token(rowan::SyntaxKind(kind as u16), text);
        }
    }

    fn peek(&mut self) -> Option<Kind> {
        while self
            .tokens
            .next_if(|(kind, _)| *kind == Kind::Space)
            .map(|(kind, text)| self.builder.token(rowan::SyntaxKind(kind as u16), text))
            .is_some()
        {}
        self.tokens.peek().map(|(kind, _)| *kind)
    }

    fn item(&mut self) {
        let start = self.builder.checkpoint();
        self.bump();
        match self.peek() {
            Some(Kind::Equals) => {
                self.builder.start_node_at(start, rowan::SyntaxKind(Kind::Pair as u16));
                self.bump();
                if matches!(self.peek(), Some(Kind::Text | Kind::Word)) {
                    self.bump()
                } else {
                    self.errors.push("no value".to_owned())
                }
            }
            Some(Kind::Open) => {
                self.builder.start_node_at(start, rowan::SyntaxKind(Kind::Section as u16));
                self.bump();
                self.items();
                if self.peek() == Some(Kind::Close) {
                    self.bump()
                } else {
                    self.errors.push("no end".to_owned())
                }
            }
            other => {
                self.builder.start_node_at(start, rowan::SyntaxKind(Kind::Fault as u16));
                self.errors.push(format!("unexpected {other:?}"));
            }
        }
        self.builder.finish_node();
    }

    fn items(&mut self) {
        while self.peek() == Some(Kind::Word) {
            self.item();
        }
    }
}

fn parse(text: &str) -> (GreenNode, Vec<String>) {
    let mut parser = Parser {
        tokens: tokens(text).into_iter().peekable(),
        builder: GreenNodeBuilder::new(),
        errors: vec![],
    };
    parser.builder.start_node(rowan::SyntaxKind(Kind::Root as u16));
    loop {
        parser.items();
        if parser.peek().is_none() {
            break;
        }
        parser.bump();
    }
    parser.builder.finish_node();
    (parser.builder.finish(), parser.errors)
}

fn source(number: u64) -> String {
    let inner: String = (0..number % 6)
        .map(|at| format!("  key{at} = \"value {at} of {number}\"\n  deep{at} {{ a = b }} "))
        .collect();
    format!(
        "title = \"t\"\nsection {{\n{inner}}}\n{}",
        ["", "x = = y", "? open {", "last"][number as usize % 4]
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: syntax SOURCES")?.parse()?;
    let mut greens = Vec::new();
    let mut shown = Vec::new();
    let mut faults = Vec::new();
    for number in 0..count {
        step(number);
        let source = source(number);
        step(number);
        let (green, errors) = parse(&source);
        faults.extend(errors);
        step(number);
        let root = SyntaxNode::<Lang>::new_root(green.clone());
        for section in support::children::<Section>(&root) {
            let pairs = support::children::<Pair>(section.syntax()).filter_map(|pair| pair.name());
            shown.push(format!("{:?}: {}", section.name(), pairs.collect::<Vec<_>>().join(" ")));
        }
        step(number);
        let token =
            root.token_at_offset(TextSize::from(source.len() as u32 / 2)).right_biased().ok_or("no token")?;
        shown.extend(token.parent_ancestors().map(|node| format!("{:?}", node.kind())));
        step(number);
        let changed =
            token.replace_with(rowan::GreenToken::new(rowan::SyntaxKind(token.kind() as u16), "changed"));
        step(number);
        let shorter = changed.remove_child(changed.children().count() - 1);
        let editable = SyntaxNode::<Lang>::new_root(shorter);
        shown.push(editable.to_string());
        step(number);
        let words = editable
            .descendants_with_tokens()
            .filter_map(NodeOrToken::into_token)
            .filter(|token| token.kind() == Kind::Word);
        shown.extend(words.map(|word| word.text().to_uppercase()));
        greens.push((green, changed));
    }
    step(1 << 32);
    println!("{} letters, {} faults, {} trees", shown.concat().len(), faults.len(), greens.len());
    Ok(())
}
