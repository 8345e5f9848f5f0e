//! Arithmetic, parsed into trees with nom. `expressions COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{alpha1, char, digit1, multispace0};
use nom::combinator::{map, map_res};
use nom::multi::{many0, separated_list0};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    Number(u64),
    Name(String),
    Call(String, Vec<Expression>),
    Binary(Box<Expression>, char, Box<Expression>),
}

fn number(input: &str) -> IResult<&str, Expression> {
    map(map_res(digit1, str::parse), Expression::Number).parse(input)
}

fn call(input: &str) -> IResult<&str, Expression> {
    let arguments = delimited(char('('), separated_list0(char(','), sum), char(')'));
    map(pair(alpha1, arguments), |(name, arguments): (&str, _)| Expression::Call(name.to_owned(), arguments))
        .parse(input)
}

fn factor(input: &str) -> IResult<&str, Expression> {
    let name = map(alpha1, |name: &str| Expression::Name(name.to_owned()));
    let inner = delimited(char('('), sum, char(')'));
    delimited(multispace0, alt((number, call, name, inner)), multispace0).parse(input)
}

fn fold(first: Expression, rest: Vec<(char, Expression)>) -> Expression {
    rest.into_iter()
        .fold(first, |left, (sign, right)| Expression::Binary(Box::new(left), sign, Box::new(right)))
}

fn product(input: &str) -> IResult<&str, Expression> {
    let (input, first) = factor(input)?;
    map(many0(pair(alt((char('*'), char('/'))), factor)), move |rest| fold(first.clone(), rest)).parse(input)
}

fn sum(input: &str) -> IResult<&str, Expression> {
    let (input, first) = product(input)?;
    map(many0(pair(alt((char('+'), char('-'))), product)), move |rest| fold(first.clone(), rest)).parse(input)
}

fn print(expression: &Expression) -> String {
    match expression {
        Expression::Number(number) => number.to_string(),
        Expression::Name(name) => name.clone(),
        Expression::Call(name, arguments) => {
            format!("{name}({})", arguments.iter().map(print).collect::<Vec<_>>().join(", "))
        }
        Expression::Binary(left, sign, right) => format!("({} {sign} {})", print(left), print(right)),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: expressions COUNT")?.parse()?;
    let mut kept = Vec::new();
    let mut letters = 0;
    for number in 0..count {
        step(number);
        let depth = number as usize % 9;
        let text =
            format!("= {}1 + f(a, {number} * b){} / (c - 2)", "(2 * g(".repeat(depth), "))".repeat(depth));
        step(number);
        let (_, expression) =
            preceded(tag("="), sum).parse(text.as_str()).map_err(|error| format!("{text}: {error}"))?;
        step(number);
        letters += print(&expression).len();
        step(number);
        let copy = expression.clone();
        step(number);
        letters += usize::from(copy == expression) + format!("{copy:?}").len();
        kept.push(expression);
    }
    step(1 << 32);
    println!("{letters} letters, {} trees", kept.len());
    Ok(())
}
