//! Accounts of a small ledger, with a pest grammar. `grammar LEDGERS`.
#![expect(missing_docs, reason = "a macro makes it public")]

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use pest::Parser;
use pest::iterators::Pair;
use pest_derive::Parser;
use std::collections::BTreeMap;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Parser)]
#[grammar_inline = r#"
WHITESPACE = _{ " " | "\t" }
COMMENT = _{ ";" ~ (!NEWLINE ~ ANY)* }
ledger = { SOI ~ (entry | NEWLINE)* ~ EOI }
entry = { date ~ title ~ NEWLINE ~ posting+ }
date = @{ ASCII_DIGIT{4} ~ "-" ~ ASCII_DIGIT{2} ~ "-" ~ ASCII_DIGIT{2} }
title = @{ "\"" ~ (!"\"" ~ ANY)* ~ "\"" }
posting = { "-" ~ account ~ sum? ~ NEWLINE }
account = ${ name ~ (":" ~ name)* }
name = @{ ASCII_ALPHA+ }
sum = { term ~ (op ~ term)* }
op = { "+" | "-" | "*" }
term = { number | "(" ~ sum ~ ")" }
number = @{ ASCII_DIGIT+ ~ ("." ~ ASCII_DIGIT+)? }
"#]
struct LedgerParser;

#[derive(Clone, Debug)]
enum Sum {
    Number(f64),
    Binary(Box<Sum>, char, Box<Sum>),
}

#[derive(Clone, Debug)]
struct Entry {
    date: String,
    title: Box<str>,
    postings: Vec<(Vec<String>, Option<Sum>)>,
}

fn sum(pair: Pair<'_, Rule>) -> Sum {
    let mut inner = pair.into_inner();
    let term = |pair: Pair<'_, Rule>| {
        let inner = pair.into_inner().next().unwrap();
        match inner.as_rule() {
            Rule::number => Sum::Number(inner.as_str().parse().unwrap()),
            _ => sum(inner),
        }
    };
    let mut left = term(inner.next().unwrap());
    while let (Some(op), Some(right)) = (inner.next(), inner.next()) {
        let op = op.as_str().chars().next().unwrap();
        left = Sum::Binary(Box::new(left), op, Box::new(term(right)));
    }
    left
}

fn entry(pair: Pair<'_, Rule>) -> Entry {
    let mut entry = Entry { date: String::new(), title: "".into(), postings: vec![] };
    for part in pair.into_inner() {
        match part.as_rule() {
            Rule::date => entry.date = part.as_str().replace('-', "/"),
            Rule::title => entry.title = part.as_str().trim_matches('"').into(),
            Rule::posting => {
                let mut inner = part.into_inner();
                let account =
                    inner.next().map(|account| account.into_inner().map(|name| name.as_str().to_owned()));
                entry.postings.push((account.into_iter().flatten().collect(), inner.next().map(sum)));
            }
            _ => {}
        }
    }
    entry
}

impl Sum {
    fn value(&self) -> f64 {
        match self {
            Sum::Number(number) => *number,
            Sum::Binary(left, '+', right) => left.value() + right.value(),
            Sum::Binary(left, '-', right) => left.value() - right.value(),
            Sum::Binary(left, _, right) => left.value() * right.value(),
        }
    }
}

fn text(number: u64) -> String {
    (0..1 + number % 5)
        .map(|entry| {
            let postings: String = (0..1 + (number + entry) % 4)
                .map(|posting| {
                    format!(
                        "  - assets:bank:{} {posting}.5 * ({number} + {entry}) - 1\n",
                        ["a", "b"][posting as usize % 2]
                    )
                })
                .collect();
            format!(
                "2024-0{}-1{} \"Entry {entry} of {number}\" ; note\n{postings}  - equity\n",
                1 + entry,
                number % 10
            )
        })
        .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: grammar LEDGERS")?.parse()?;
    let mut entries = Vec::new();
    let mut errors = Vec::new();
    let mut balances = BTreeMap::<String, f64>::new();
    for number in 0..count {
        step(number);
        let mut text = text(number);
        if number % 6 == 5 {
            text = text.replacen("equity", "9quity", 1);
        }
        step(number);
        let parsed = LedgerParser::parse(Rule::ledger, &text);
        step(number);
        let ledger = match parsed {
            Ok(mut pairs) => pairs.next().unwrap(),
            Err(error) => {
                errors.push(error.with_path("ledger").to_string());
                continue;
            }
        };
        step(number);
        let new: Vec<Entry> =
            ledger.into_inner().filter(|pair| pair.as_rule() == Rule::entry).map(entry).collect();
        step(number);
        for (account, sum) in new.iter().flat_map(|entry| &entry.postings) {
            *balances.entry(account.join(":")).or_default() += sum.as_ref().map_or(0.0, Sum::value);
        }
        step(number);
        entries.extend(new.iter().rev().take(2).cloned());
    }
    step(1 << 32);
    println!("{} entries, {:?}, {} errors", entries.len(), balances, errors.len());
    Ok(())
}
