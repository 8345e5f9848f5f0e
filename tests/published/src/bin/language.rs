//! A small language, parsed with chumsky, checked and run. `language SOURCES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use chumsky::prelude::*;
use std::rc::Rc;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Debug)]
#[expect(dead_code, reason = "printed, or as parsed")]
enum Expr {
    Number(f64),
    Name(String),
    List(Vec<Expr>),
    Unary(char, Box<Expr>),
    Binary(Box<Expr>, Op, Box<Expr>),
    Call(String, Vec<Expr>),
    Let(String, Box<Expr>, Box<Expr>),
    Function(String, Vec<String>, Box<Expr>, Box<Expr>),
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Add,
    Sub,
    Mul,
    Div,
}

type Extra<'a> = extra::Err<Rich<'a, char>>;

fn parser<'a>() -> impl Parser<'a, &'a str, Expr, Extra<'a>> {
    let ident = text::ascii::ident().map(|name: &str| name.to_owned()).padded();
    let expr = recursive(|expr| {
        let number = text::int(10)
            .then(just('.').then(text::digits(10)).or_not())
            .to_slice()
            .map(|text: &str| Expr::Number(text.parse().unwrap()))
            .padded()
            .labelled("number");
        let items = expr.clone().separated_by(just(',').padded()).allow_trailing().collect::<Vec<_>>();
        let call = ident
            .then(items.clone().delimited_by(just('('), just(')')))
            .map(|(name, args)| Expr::Call(name, args));
        let list = items.delimited_by(just('[').padded(), just(']').padded()).map(Expr::List);
        let atom = number
            .or(list)
            .or(expr.delimited_by(just('(').padded(), just(')').padded()))
            .or(call)
            .or(ident.map(Expr::Name))
            .padded()
            .boxed();
        let op = |letter| just(letter).padded();
        let unary = op('-').repeated().foldr(atom, |_, right| Expr::Unary('-', Box::new(right)));
        let product = unary.clone().foldl(
            choice((op('*').to(Op::Mul), op('/').to(Op::Div))).then(unary).repeated(),
            |left, (op, right)| Expr::Binary(Box::new(left), op, Box::new(right)),
        );
        product.clone().foldl(
            choice((op('+').to(Op::Add), op('-').to(Op::Sub))).then(product).repeated(),
            |left, (op, right)| Expr::Binary(Box::new(left), op, Box::new(right)),
        )
    });
    let block = recursive(|block| {
        let binding = just("let ")
            .ignore_then(ident)
            .then_ignore(just('='))
            .then(expr.clone())
            .then_ignore(just(';'))
            .then(block.clone())
            .map(|((name, value), then)| Expr::Let(name, Box::new(value), Box::new(then)));
        let function = just("fn ")
            .ignore_then(ident)
            .then(ident.repeated().collect::<Vec<_>>())
            .then_ignore(just('='))
            .then(expr.clone())
            .then_ignore(just(';'))
            .then(block)
            .map(|(((name, arguments), body), then)| {
                Expr::Function(name, arguments, Box::new(body), Box::new(then))
            });
        choice((binding, function, expr)).padded()
    });
    block.then_ignore(end())
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    List(Rc<[Value]>),
}

#[derive(Clone, Debug)]
#[expect(dead_code, reason = "printed, or as parsed")]
enum Fault {
    Unknown(String),
    Arguments { name: String, expected: usize, found: usize },
    NotANumber(Value),
}

type Function<'a> = (&'a str, &'a [String], &'a Expr);

#[derive(Default)]
struct Scope<'a> {
    values: Vec<(&'a str, Value)>,
    functions: Vec<Function<'a>>,
}

impl<'a> Scope<'a> {
    fn number(&mut self, expr: &'a Expr) -> Result<f64, Fault> {
        match self.eval(expr)? {
            Value::Number(number) => Ok(number),
            list => Err(Fault::NotANumber(list)),
        }
    }

    fn eval(&mut self, expr: &'a Expr) -> Result<Value, Fault> {
        Ok(match expr {
            Expr::Number(number) => Value::Number(*number),
            Expr::Name(name) => {
                let found = self.values.iter().rev().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone()).ok_or_else(|| Fault::Unknown(name.clone()))?
            }
            Expr::List(items) => {
                Value::List(items.iter().map(|item| self.eval(item)).collect::<Result<_, _>>()?)
            }
            Expr::Unary(_, inner) => Value::Number(-self.number(inner)?),
            Expr::Binary(left, op, right) => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                Value::Number(match op {
                    Op::Add => left + right,
                    Op::Sub => left - right,
                    Op::Mul => left * right,
                    Op::Div => left / right,
                })
            }
            Expr::Call(name, given) => {
                let known = self.functions.iter().rev().find(|function| function.0 == name);
                let &(_, names, body) = known.ok_or_else(|| Fault::Unknown(format!("{name}()")))?;
                if names.len() != given.len() {
                    return Err(Fault::Arguments {
                        name: name.clone(),
                        expected: names.len(),
                        found: given.len(),
                    });
                }
                let mut values = given.iter().map(|given| self.eval(given)).collect::<Result<Vec<_>, _>>()?;
                let before = self.values.len();
                self.values.extend(names.iter().map(String::as_str).zip(values.drain(..)));
                let value = self.eval(body);
                self.values.truncate(before);
                value?
            }
            Expr::Let(name, value, then) => {
                let value = self.eval(value)?;
                self.values.push((name, value));
                let value = self.eval(then);
                self.values.pop();
                value?
            }
            Expr::Function(name, names, body, then) => {
                self.functions.push((name, names, body));
                let value = self.eval(then);
                self.functions.pop();
                value?
            }
        })
    }
}

fn source(number: u64) -> String {
    let lets: String = (0..number % 5).map(|at| format!("let v{at} = {at}.5 * (3 - -{number});\n")).collect();
    let sum = (0..number % 5).map(|at| format!("v{at}")).collect::<Vec<_>>().join(" + ");
    let end = match number % 8 {
        6 => "unknown + 1",
        7 => "twice(1,",
        5 => "twice(1, 2)",
        4 => "1 + [2, 3]",
        _ => "twice(2) / 3",
    };
    format!(
        "{lets}fn twice x = x + x;\nfn add a b = a + twice(b) * 2;\nlet l = [1, [2, add(3, 4)], 0{}{sum}];\n{end}",
        if sum.is_empty() { "" } else { "+" }
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: language SOURCES")?.parse()?;
    let mut faults = Vec::new();
    let mut trees = Vec::new();
    let mut sum = 0.0;
    for number in 0..count {
        step(number);
        let source = source(number);
        step(number);
        let parser = parser();
        step(number);
        let (tree, errors) = parser.parse(&source).into_output_errors();
        step(number);
        faults.extend(errors.into_iter().map(|error| format!("{}: {error}", error.span())));
        let Some(tree) = tree else { continue };
        step(number);
        match Scope::default().eval(&tree) {
            Ok(Value::Number(number)) => sum += number,
            Ok(Value::List(list)) => sum += list.len() as f64,
            Err(fault) => faults.push(format!("{fault:?}")),
        }
        step(number);
        trees.push(tree.clone());
    }
    step(1 << 32);
    println!("{sum}, {} trees, {} faults", trees.len(), faults.len());
    Ok(())
}
