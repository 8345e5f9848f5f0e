//! A random program, as a tree from which parts can be taken away: whatever is left of it still compiles.
//!
//! Every statement is complete by itself and leaves nothing for the next one but `out`, so any can go. A function that is
//! gone is not called any more: the statements that call it go with it.

use std::collections::BTreeSet;

/// A random program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) seed: u64,
    pub(crate) types: Vec<Type>,
    pub(crate) functions: Vec<Function>,
    /// What it does, a step each.
    pub(crate) body: Vec<Statement>,
    /// How deep recursion goes.
    pub(crate) depth: u32,
    /// How many calls it makes at most.
    pub(crate) fuel: u32,
}

/// A type with derived traits, and a method `act`.
#[derive(Clone, Debug)]
pub(crate) struct Type {
    pub(crate) name: &'static str,
    pub(crate) home: Home,
    pub(crate) shape: Shape,
    /// The bodies of its methods.
    pub(crate) act: Vec<Statement>,
    pub(crate) act_inline: Inline,
    pub(crate) make_inline: Inline,
    /// Whether it allocates as it is dropped.
    pub(crate) drops: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Struct(Vec<Field>),
    Enum(Vec<Vec<Field>>),
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    Number,
    Text,
    Bytes,
    /// A box of the type itself.
    Nested,
    List,
    Shared,
    Map,
}

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Root,
    Module(u8),
    /// The crate below.
    Crate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inline {
    Unsaid,
    Hint,
    Always,
    Never,
    Cold,
}

#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) home: Home,
    pub(crate) kind: Kind,
    pub(crate) inline: Inline,
    pub(crate) body: Vec<Statement>,
    /// How many equal ones there are, made by one macro.
    pub(crate) twins: u8,
}

/// What kind of function, and so how it's called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// It returns a number, so that no call of it is the last thing that its caller does.
    Number,
    /// It returns a result.
    Fallible,
    Async,
    /// It has a type parameter.
    Generic,
    /// It takes a closure.
    Higher,
    /// It takes a closure as a trait object.
    Dynamic,
    /// It takes a slice, and less of it at each turn.
    Slice,
    /// It makes texts, and returns them.
    Texts,
}

/// A statement.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    /// Something is allocated, and kept or dropped.
    Allocate {
        what: u8,
        size: u32,
        kept: bool,
    },
    /// A function is called, with its twin of that number; what a type parameter or a closure stands for.
    Call {
        function: usize,
        twin: u8,
        of: usize,
        body: Vec<Statement>,
    },
    /// Values of a type are made, copied, compared, printed.
    Values {
        of: usize,
        copies: u8,
        printed: bool,
        compared: bool,
        kept: bool,
    },
    /// A method of a type is called.
    Method {
        of: usize,
    },
    /// The method of several types, as trait objects.
    Objects {
        of: Vec<usize>,
    },
    Loop {
        turns: u8,
        body: Vec<Statement>,
    },
    Chain {
        what: u8,
        turns: u8,
        body: Vec<Statement>,
    },
    Branch {
        arms: Vec<Vec<Statement>>,
    },
    Closure {
        calls: u8,
        body: Vec<Statement>,
    },
    /// A panic is caught.
    Caught {
        every: u8,
        body: Vec<Statement>,
    },
    /// A future is run to its end.
    Await {
        yields: u8,
        body: Vec<Statement>,
    },
    /// Something runs in a thread of its own.
    Thread {
        body: Vec<Statement>,
    },
}

impl Statement {
    /// The statements within it.
    pub(crate) fn bodies(&mut self) -> Vec<&mut Vec<Statement>> {
        match self {
            Statement::Call { body, .. }
            | Statement::Loop { body, .. }
            | Statement::Chain { body, .. }
            | Statement::Closure { body, .. }
            | Statement::Caught { body, .. }
            | Statement::Await { body, .. }
            | Statement::Thread { body } => vec![body],
            Statement::Branch { arms } => arms.iter_mut().collect(),
            _ => Vec::new(),
        }
    }

    fn uses(&mut self, functions: &[Function], used: &mut Used) {
        match self {
            Statement::Call { function, of, .. } => {
                used.functions.insert(*function);
                if functions[*function].kind == Kind::Generic {
                    used.types.insert(*of);
                }
            }
            Statement::Values { of, .. } | Statement::Method { of } => _ = used.types.insert(*of),
            Statement::Objects { of } => used.types.extend(of.iter()),
            _ => {}
        }
        self.bodies().into_iter().flatten().for_each(|statement| statement.uses(functions, used));
    }
}

/// What is named somewhere.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) functions: BTreeSet<usize>,
    pub(crate) types: BTreeSet<usize>,
}

impl Program {
    /// What the program comes to use, from its body on.
    pub(crate) fn used(&self) -> Used {
        let mut program = self.clone();
        let mut used = Used::default();
        let look = |statements: &mut Vec<Statement>, used: &mut Used| {
            statements.iter_mut().for_each(|statement| statement.uses(&self.functions, used));
        };
        look(&mut program.body, &mut used);
        loop {
            let before = (used.functions.len(), used.types.len());
            for function in used.functions.clone() {
                look(&mut program.functions[function].body, &mut used);
            }
            for of in used.types.clone() {
                look(&mut program.types[of].act, &mut used);
            }
            if (used.functions.len(), used.types.len()) == before {
                return used;
            }
        }
    }
}
