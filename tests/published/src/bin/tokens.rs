//! A lexer made by logos, a parser by hand, and an interpreter that passes on closures. `tokens SOURCES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use logos::{Lexer, Logos};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Debug, Default, PartialEq)]
enum LexError {
    #[default]
    Unknown,
    Number(String),
}

#[derive(Logos, Clone, Debug, PartialEq)]
#[logos(skip r"[ \t\n]+", error = LexError)]
enum Token {
    #[regex(r"[0-9]+", |lex| lex.slice().parse::<u32>().map_err(|error| LexError::Number(error.to_string())))]
    Number(u32),
    #[regex(r"[a-z_]+", |lex| lex.slice().to_owned())]
    Name(String),
    #[regex(r#""([^"\\]|\\.)*""#, unquoted)]
    Text(Box<str>),
    #[token("(")]
    Open,
    #[token(")")]
    Close,
    #[token("'")]
    Quote,
}

fn unquoted(lexer: &mut Lexer<Token>) -> Box<str> {
    let slice = lexer.slice();
    slice[1..slice.len() - 1].replace("\\n", "\n").into_boxed_str()
}

#[derive(Clone)]
enum Value {
    Nil,
    Number(u32),
    Text(Rc<str>),
    Name(Rc<str>),
    List(Rc<Vec<Value>>),
    Native(Rc<dyn Fn(&[Value]) -> Result<Value, String>>),
    Closure(Rc<Closure>),
}

struct Closure {
    names: Vec<Rc<str>>,
    body: Value,
    scope: Rc<Scope>,
}

#[derive(Default)]
struct Scope {
    values: RefCell<BTreeMap<Rc<str>, Value>>,
    outer: Option<Rc<Scope>>,
}

impl Scope {
    fn get(&self, name: &str) -> Option<Value> {
        let own = self.values.borrow().get(name).cloned();
        own.or_else(|| self.outer.as_ref()?.get(name))
    }

    fn set(&self, name: &str, value: Value) {
        self.values.borrow_mut().insert(name.into(), value);
    }
}

fn parse(tokens: &mut impl Iterator<Item = Result<Token, LexError>>) -> Result<Option<Value>, String> {
    let Some(token) = tokens.next() else { return Ok(None) };
    Ok(Some(match token.map_err(|error| format!("{error:?}"))? {
        Token::Number(number) => Value::Number(number),
        Token::Name(name) => Value::Name(name.into()),
        Token::Text(text) => Value::Text(text.into()),
        Token::Quote => {
            let quoted = parse(tokens)?.ok_or_else(|| "nothing to quote".to_owned())?;
            Value::List(Rc::new(vec![Value::Name("quote".into()), quoted]))
        }
        Token::Close => return Ok(None),
        Token::Open => {
            let mut items = Vec::new();
            while let Some(item) = parse(tokens)? {
                items.push(item);
            }
            Value::List(Rc::new(items))
        }
    }))
}

fn eval(value: &Value, scope: &Rc<Scope>) -> Result<Value, String> {
    let Value::List(items) = value else {
        return match value {
            Value::Name(name) => scope.get(name).ok_or_else(|| format!("{name} is unknown")),
            _ => Ok(value.clone()),
        };
    };
    let Some(first) = items.first() else { return Ok(Value::Nil) };
    if let Value::Name(name) = first {
        match (&**name, &items[1..]) {
            ("quote", [quoted]) => return Ok(quoted.clone()),
            ("let", [Value::Name(name), value]) => {
                let value = eval(value, scope)?;
                scope.set(name, value);
                return Ok(Value::Nil);
            }
            ("if", [condition, then, otherwise]) => {
                let holds = !matches!(eval(condition, scope)?, Value::Nil | Value::Number(0));
                return eval(if holds { then } else { otherwise }, scope);
            }
            ("fn", [Value::List(names), body]) => {
                let names = names.iter().filter_map(|name| {
                    if let Value::Name(name) = name { Some(Rc::clone(name)) } else { None }
                });
                let closure = Closure { names: names.collect(), body: body.clone(), scope: Rc::clone(scope) };
                return Ok(Value::Closure(Rc::new(closure)));
            }
            _ => {}
        }
    }
    let function = eval(first, scope)?;
    let arguments = items[1..].iter().map(|item| eval(item, scope)).collect::<Result<Vec<_>, _>>()?;
    apply(&function, &arguments)
}

fn apply(function: &Value, arguments: &[Value]) -> Result<Value, String> {
    match function {
        Value::Native(native) => native(arguments),
        Value::Closure(closure) => {
            let scope = Scope { values: RefCell::default(), outer: Some(Rc::clone(&closure.scope)) };
            for (name, argument) in closure.names.iter().zip(arguments) {
                scope.set(name, argument.clone());
            }
            eval(&closure.body, &Rc::new(scope))
        }
        _ => Err(format!("{} is no function", show(function))),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Name(name) => name.to_string(),
        Value::List(items) => format!("({})", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Native(_) | Value::Closure(_) => "function".to_owned(),
    }
}

fn globals() -> Rc<Scope> {
    let scope = Scope::default();
    fn arithmetic(f: impl Fn(u32, u32) -> u32 + 'static) -> Value {
        Value::Native(Rc::new(move |arguments| {
            let mut numbers = arguments.iter().map(|argument| match argument {
                Value::Number(number) => Ok(*number),
                other => Err(format!("{} is no number", show(other))),
            });
            let first = numbers.next().unwrap_or(Ok(0))?;
            Ok(Value::Number(numbers.try_fold(first, |sum, number| Ok::<_, String>(f(sum, number?)))?))
        }))
    }
    scope.set("add", arithmetic(u32::wrapping_add));
    scope.set("sub", arithmetic(u32::saturating_sub));
    scope.set("mul", arithmetic(u32::wrapping_mul));
    let list = |arguments: &[Value]| Ok(Value::List(Rc::new(arguments.to_vec())));
    scope.set("list", Value::Native(Rc::new(list)));
    scope.set(
        "map",
        Value::Native(Rc::new(|arguments| match arguments {
            [function, Value::List(items)] => {
                let mapped: Result<Vec<_>, _> =
                    items.iter().map(|item| apply(function, std::slice::from_ref(item))).collect();
                Ok(Value::List(Rc::new(mapped?)))
            }
            other => Err(format!("map of {}", other.iter().map(show).collect::<String>())),
        })),
    );
    scope.set(
        "text",
        Value::Native(Rc::new(|arguments| {
            Ok(Value::Text(arguments.iter().map(show).collect::<String>().into()))
        })),
    );
    Rc::new(scope)
}

fn source(number: u64) -> String {
    let end = ["(text 'a \"b\\n\" twice)", "(twice nobody)", "99999999999", "(1 2)", "(map 1 2)"]
        [(number % 5) as usize];
    format!(
        "(let twice (fn (x) (add x x))) (let fac (fn (n) (if n (mul n (fac (sub n 1))) 1))) (fac {}) (map twice (list 1 2 {number})) (map (fn (x) (text x \"-\" {number})) '(1 2 3)) {end}",
        number % 11
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: tokens SOURCES")?.parse()?;
    let mut shown = Vec::new();
    let mut errors = Vec::new();
    let mut scopes = Vec::new();
    for number in 0..count {
        step(number);
        let source = source(number);
        step(number);
        let scope = globals();
        let mut tokens = Token::lexer(&source);
        loop {
            step(number);
            let value = match parse(&mut tokens) {
                Ok(Some(value)) => value,
                Ok(None) => break,
                Err(error) => {
                    errors.push(error);
                    break;
                }
            };
            step(number);
            match eval(&value, &scope) {
                Ok(value) => shown.push(show(&value)),
                Err(error) => errors.push(error),
            }
        }
        scopes.push(scope);
    }
    step(1 << 32);
    println!("{} bytes, {} errors, {} scopes", shown.concat().len(), errors.len(), scopes.len());
    Ok(())
}
