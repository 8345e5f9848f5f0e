//! What all generated programs share: the crate below them.
#![allow(warnings)]

extern crate self as parts;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::num::ParseIntError;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// What a program keeps.
pub enum Kept {
    Bytes(Vec<u8>),
    Text(String),
    Numbers(Vec<u64>),
    Texts(Vec<String>),
    Four(Box<[u64; 4]>),
    Shared(Rc<RefCell<Vec<u64>>>),
    Name(Arc<str>),
    Tree(BTreeMap<u64, String>),
    Hash(HashMap<String, u64>),
    Part(Box<dyn Part>),
}

/// Where what a program makes ends up.
pub struct Out {
    pub kept: Vec<Kept>,
    pub sum: u64,
    fuel: u32,
}

impl Out {
    pub fn new(fuel: u32) -> Out {
        Out { kept: Vec::new(), sum: 0, fuel }
    }

    /// Whether one more call is made.
    #[inline]
    pub fn enter(&mut self) -> bool {
        self.fuel = self.fuel.saturating_sub(1);
        self.fuel > 0
    }

    pub fn keep(&mut self, kept: Kept) {
        self.kept.push(kept);
    }

    #[inline]
    pub fn drop(&mut self, kept: &Kept) {
        self.sum ^= match kept {
            Kept::Bytes(bytes) => bytes.len() as u64,
            Kept::Text(text) => text.len() as u64,
            Kept::Numbers(numbers) => numbers.iter().fold(0, |sum, number| sum ^ number),
            Kept::Texts(texts) => texts.iter().map(String::len).sum::<usize>() as u64,
            Kept::Four(four) => four[3],
            Kept::Shared(shared) => shared.borrow().len() as u64,
            Kept::Name(name) => name.len() as u64,
            Kept::Tree(tree) => tree.len() as u64,
            Kept::Hash(hash) => hash.len() as u64,
            Kept::Part(part) => part.weigh(),
        };
    }
}

pub trait Part: fmt::Debug {
    fn act(&self, n: u64, depth: u32, out: &mut Out);
    fn weigh(&self) -> u64;
}

pub trait Make: Part + Clone + PartialEq {
    fn make(n: u64, depth: u32) -> Self;
}

#[derive(Debug)]
pub enum Failure {
    Number(ParseIntError),
    Unlucky(Box<str>),
}

impl Failure {
    pub fn of(n: u64) -> Failure {
        Failure::Unlucky(format!("{n} is unlucky").into_boxed_str())
    }
}

impl From<ParseIntError> for Failure {
    fn from(error: ParseIntError) -> Failure {
        Failure::Number(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Number(error) => write!(f, "no number: {error}"),
            Failure::Unlucky(text) => f.write_str(text),
        }
    }
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Polls a future until it is done.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Nobody));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Is pending once.
pub fn give_way() -> impl Future<Output = ()> {
    let mut waited = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
