//! Random programs grow from a seed.

use super::program::{Field, Function, Home, Inline, Kind, Program, Shape, Statement, Type};

/// Names are few, as in real programs: several modules have a `parse`, and every type has a `new`.
const FUNCTIONS: [&str; 16] = [
    "parse", "visit", "read", "next", "build", "fold", "expand", "merge", "split", "walk", "emit", "load",
    "apply", "scan", "flush", "resolve",
];
const TYPES: [&str; 8] = ["Node", "Token", "Entry", "Value", "Record", "Event", "Piece", "Scope"];

/// Kinds of allocations that the printer knows.
pub(super) const ALLOCATIONS: u64 = 24;
/// Kinds of chains of iterators that the printer knows.
pub(super) const CHAINS: u64 = 6;

/// A linear congruential generator.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Numbers {
        let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D);
        numbers.below(2);
        numbers
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Where a statement is, which decides what it may be.
#[derive(Clone, Copy)]
struct Place {
    /// The function that it is part of: those before it, and itself, are called with less depth.
    function: usize,
    /// Whether it is in the crate below, which knows nothing of the one above.
    below: bool,
    /// How deep it is nested.
    nested: u32,
    /// Of calls that lead back, so many percent stay. Few programs are one large recursion.
    recursion: u64,
}

/// A program that comes to use fewer functions than this is none that shows anything.
const FUNCTIONS_USED: usize = 5;

/// The program of a seed.
pub(crate) fn grow(seed: u64) -> Program {
    let mut numbers = Numbers::new(seed);
    loop {
        let program = attempt(seed, &mut numbers);
        if program.used().functions.len() >= FUNCTIONS_USED {
            return program;
        }
    }
}

fn attempt(seed: u64, n: &mut Numbers) -> Program {
    let recursion = n.pick(&[0, 10, 10, 40, 100]);
    let homes = |n: &mut Numbers| match n.below(10) {
        0..=3 => Home::Root,
        4..=7 => Home::Module(n.below(3) as u8),
        _ => Home::Crate,
    };
    let mut types: Vec<Type> = Vec::new();
    for _ in 0..2 + n.below(4) {
        let name = n.pick(&TYPES);
        let home = homes(n);
        if types.iter().any(|other| (other.name, other.home) == (name, home)) {
            continue;
        }
        types.push(Type {
            name,
            home,
            shape: shape(n),
            act: Vec::new(),
            act_inline: inline(n),
            make_inline: inline(n),
            drops: n.percent(15),
        });
    }
    let mut functions: Vec<Function> = Vec::new();
    for _ in 0..6 + n.below(14) {
        let (name, home) = (n.pick(&FUNCTIONS), homes(n));
        if functions.iter().any(|other| (other.name, other.home) == (name, home)) {
            continue;
        }
        let kind = match n.below(20) {
            0..=5 => Kind::Plain,
            6..=7 => Kind::Number,
            8..=10 => Kind::Fallible,
            11..=12 => Kind::Async,
            13..=14 => Kind::Generic,
            15 => Kind::Higher,
            16 => Kind::Dynamic,
            17..=18 => Kind::Slice,
            _ => Kind::Texts,
        };
        let twins = if kind == Kind::Plain && n.percent(30) { 2 + n.below(2) as u8 } else { 1 };
        functions.push(Function { name, home, kind, inline: inline(n), body: Vec::new(), twins });
    }
    let mut program =
        Program { seed, types, functions, body: Vec::new(), depth: 0, fuel: 300 + n.below(1_500) as u32 };
    for function in 0..program.functions.len() {
        let below = program.functions[function].home == Home::Crate;
        let place = Place { function, below, nested: 0, recursion };
        let most = 2 + n.below(4);
        program.functions[function].body = statements(n, &program, place, most);
    }
    for of in 0..program.types.len() {
        let below = program.types[of].home == Home::Crate;
        // A type's method calls functions as the last of them would.
        let place = Place { function: program.functions.len(), below, nested: 1, recursion };
        let most = 1 + n.below(2);
        program.types[of].act = statements(n, &program, place, most);
    }
    let place = Place { function: program.functions.len(), below: false, nested: 0, recursion: 100 };
    let most = 4 + n.below(5);
    program.body = statements(n, &program, place, most);
    if n.percent(15) {
        let place = Place { nested: 2, ..place };
        program.body.push(Statement::Thread { body: statements(n, &program, place, 2) });
    }
    program.depth = if n.percent(10) { 100 + n.below(150) as u32 } else { 2 + n.below(30) as u32 };
    program
}

fn inline(n: &mut Numbers) -> Inline {
    match n.below(10) {
        0..=4 => Inline::Unsaid,
        5..=6 => Inline::Hint,
        7 => Inline::Always,
        8 => Inline::Never,
        _ => Inline::Cold,
    }
}

fn shape(n: &mut Numbers) -> Shape {
    let fields = |n: &mut Numbers, least: u64| -> Vec<Field> {
        let field = |n: &mut Numbers| match n.below(14) {
            0..=3 => Field::Text,
            4..=5 => Field::Number,
            6..=7 => Field::Bytes,
            8..=9 => Field::Nested,
            10..=11 => Field::List,
            12 => Field::Shared,
            _ => Field::Map,
        };
        (0..least + n.below(3)).map(|_| field(n)).collect()
    };
    if n.percent(40) {
        Shape::Struct(fields(n, 1))
    } else {
        Shape::Enum((0..2 + n.below(4)).map(|_| fields(n, 0)).collect())
    }
}

fn statements(n: &mut Numbers, program: &Program, place: Place, most: u64) -> Vec<Statement> {
    let count = 1 + n.below(most);
    (0..count).filter_map(|_| statement(n, program, place)).collect()
}

fn statement(n: &mut Numbers, program: &Program, place: Place) -> Option<Statement> {
    let allocate = |n: &mut Numbers| Statement::Allocate {
        what: n.below(ALLOCATIONS) as u8,
        size: 1 + n.below(60) as u32,
        kept: n.percent(60),
    };
    if place.nested >= 4 {
        return Some(allocate(n));
    }
    let inner = Place { nested: place.nested + 1, ..place };
    let type_of = |n: &mut Numbers| {
        let of = n.below(program.types.len() as u64) as usize;
        (!place.below || program.types[of].home == Home::Crate).then_some(of)
    };
    Some(match n.below(100) {
        0..=29 => allocate(n),
        30..=61 => {
            let all = program.functions.len();
            let mut function = n.below(all as u64) as usize;
            if function <= place.function && !n.percent(place.recursion) {
                let later = (place.function + 1).min(all)..all;
                if later.is_empty() {
                    return Some(allocate(n));
                }
                function = later.start + n.below(later.len() as u64) as usize;
            }
            if place.below && program.functions[function].home != Home::Crate {
                return Some(allocate(n));
            }
            let kind = program.functions[function].kind;
            let body = if matches!(kind, Kind::Higher | Kind::Dynamic) {
                statements(n, program, inner, 2)
            } else {
                Vec::new()
            };
            let of = if kind == Kind::Generic { type_of(n)? } else { 0 };
            let twin = n.below(program.functions[function].twins.into()) as u8;
            Statement::Call { function, twin, of, body }
        }
        62..=69 => Statement::Values {
            of: type_of(n)?,
            copies: n.below(3) as u8,
            printed: n.percent(40),
            compared: n.percent(30),
            kept: n.percent(40),
        },
        70..=73 => Statement::Method { of: type_of(n)? },
        74..=76 => Statement::Objects { of: (0..2 + n.below(3)).filter_map(|_| type_of(n)).collect() },
        77..=82 => Statement::Loop { turns: 1 + n.below(6) as u8, body: statements(n, program, inner, 3) },
        83..=87 => Statement::Chain {
            what: n.below(CHAINS) as u8,
            turns: 1 + n.below(6) as u8,
            body: statements(n, program, inner, 2),
        },
        88..=92 => {
            let arms = 2 + n.below(2);
            Statement::Branch { arms: (0..arms).map(|_| statements(n, program, inner, 2)).collect() }
        }
        93..=95 => Statement::Closure { calls: 1 + n.below(3) as u8, body: statements(n, program, inner, 2) },
        96..=97 => Statement::Caught { every: 1 + n.below(4) as u8, body: statements(n, program, inner, 2) },
        _ => Statement::Await { yields: n.below(3) as u8, body: statements(n, program, inner, 2) },
    })
}
