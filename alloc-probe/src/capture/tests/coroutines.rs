//! Coroutines: stacks that aren't the thread's own, and go on in it.

use super::check::Subject;
use super::walk::Walk;
use corosensei::{Coroutine, CoroutineResult, Yielder};

fn steps(subject: &Subject, seed: u64) -> Coroutine<u32, u32, u64> {
    // SAFETY: the coroutine is resumed only while the subject lives, as `subject`'s caller owns both.
    let subject: &'static Subject = unsafe { &*std::ptr::from_ref(subject) };
    Coroutine::new(move |yielder: &Yielder<u32, u32>, input: u32| {
        let mut sum = u64::from(input);
        for i in 0..4 {
            let visit = || drop(subject.check());
            Walk::new(seed + i, 60, &visit).run();
            sum += u64::from(yielder.suspend(i as u32));
        }
        subject.check();
        sum
    })
}

#[test]
fn coroutines_and_their_callers_in_turn() {
    let subject = Subject::new();
    let mut coroutines = [1, 2, 3].map(|seed| steps(&subject, seed * 100));
    for round in 0..5 {
        for coroutine in &mut coroutines {
            subject.check();
            let visit = || drop(subject.check());
            Walk::new(u64::from(round) + 7, 30, &visit).run();
            match coroutine.resume(round) {
                CoroutineResult::Yield(i) => assert_eq!(i, round),
                CoroutineResult::Return(sum) => assert_eq!((sum, round), (10, 4)),
            }
        }
    }
    assert!(coroutines.iter().all(Coroutine::done));
}

#[test]
fn a_coroutine_within_another() {
    let subject = Subject::new();
    // SAFETY: as in `steps`.
    let kept: &'static Subject = unsafe { &*std::ptr::from_ref(&subject) };
    let mut outer = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let mut inner = Coroutine::new(move |_: &Yielder<(), ()>, ()| kept.check().len());
        yielder.suspend(());
        let depth = kept.check().len();
        let CoroutineResult::Return(within) = inner.resume(()) else { unreachable!() };
        (depth, within)
    });
    let depth = subject.check().len();
    assert!(matches!(outer.resume(()), CoroutineResult::Yield(())));
    let CoroutineResult::Return((first, second)) = outer.resume(()) else { unreachable!() };
    // The stacks go on in those that resumed them.
    assert!(depth < first && first < second, "{depth} {first} {second}");
}
