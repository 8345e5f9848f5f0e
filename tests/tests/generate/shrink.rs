//! What a fault needs: a program without all that can be taken away while the fault stays.

use super::program::{Program, Statement};

/// A program that still has the fault, with as little as can be. `first_with_fault` is asked for the first of several
/// candidates that has it; it is given so many at once, as they can be built together.
pub(crate) fn shrink(
    mut program: Program,
    at_once: usize,
    mut first_with_fault: impl FnMut(&[Program]) -> Option<usize>,
) -> Program {
    let mut part = count(&mut program).div_ceil(2).max(1);
    loop {
        let statements = count(&mut program);
        let candidates: Vec<Program> = (0..statements)
            .step_by(part)
            .map(|from| without(&program, from, part))
            .chain(simpler(&program))
            .collect();
        let found = candidates
            .chunks(at_once.max(1))
            .find_map(|some| first_with_fault(some).map(|index| some[index].clone()));
        match found {
            Some(smaller) => program = smaller,
            None if part == 1 => return program,
            None => part = part.div_ceil(2).min(part - 1),
        }
    }
}

/// The same program with less recursion, or fewer calls.
fn simpler(program: &Program) -> Vec<Program> {
    let less_deep = Program { depth: program.depth / 2, ..program.clone() };
    let fewer_calls = Program { fuel: program.fuel / 2, ..program.clone() };
    let mut simpler = Vec::new();
    simpler.extend((program.depth > 1).then_some(less_deep));
    simpler.extend((program.fuel > 20).then_some(fewer_calls));
    simpler
}

/// Visits every statement that the program comes to use, from the outside in, and leaves those that are to stay.
fn retain(program: &mut Program, mut stays: impl FnMut() -> bool) {
    fn visit(statements: &mut Vec<Statement>, stays: &mut dyn FnMut() -> bool) {
        statements.retain_mut(|statement| {
            let this = stays();
            // Those within are counted, whether they are there afterwards or not.
            statement.bodies().into_iter().for_each(|body| visit(body, stays));
            this
        });
    }
    let used = program.used();
    visit(&mut program.body, &mut stays);
    for function in used.functions {
        visit(&mut program.functions[function].body, &mut stays);
    }
    for of in used.types {
        visit(&mut program.types[of].act, &mut stays);
    }
}

/// How many statements the program comes to use.
fn count(program: &mut Program) -> usize {
    let mut count = 0;
    retain(program, || {
        count += 1;
        true
    });
    count
}

/// The program without some of its statements.
fn without(program: &Program, from: usize, part: usize) -> Program {
    let mut smaller = program.clone();
    let mut number = 0;
    retain(&mut smaller, || {
        number += 1;
        !(from..from + part).contains(&(number - 1))
    });
    smaller
}

#[test]
fn a_program_shrinks_to_what_its_fault_needs() {
    let program =
        (0..).map(super::grow).find(|program| threads(program) > 0).expect("some program has a thread");
    let small = shrink(program, 3, |candidates| candidates.iter().position(|program| threads(program) > 0));
    assert_eq!((threads(&small), count(&mut small.clone())), (1, 1));
    assert!(small.depth <= 1 && small.fuel <= 20, "{small:?}");
}

/// How many statements of its body start a thread.
#[cfg(test)]
fn threads(program: &Program) -> usize {
    program.body.iter().filter(|statement| matches!(statement, Statement::Thread { .. })).count()
}
