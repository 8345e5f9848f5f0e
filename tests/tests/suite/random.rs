//! Random sequences of calls. A failure names its seed, and `random SEED STEPS [THREADS]` repeats it.

use crate::binaries::Profile;
use crate::run::Subject;
use crate::subjects::{self, Threads};
use alloc_probe_format::dump::Mode;

fn random(profile: Profile, mode: Mode, numbers: &[u64]) -> Subject {
    numbers
        .iter()
        .fold(Subject::new("random", profile, mode), |subject, number| subject.argument(number.to_string()))
}

#[test]
fn one_thread_call_by_call() {
    for seed in 1..=5 {
        subjects::check_all(Threads::One, |profile, mode| random(profile, mode, &[seed, 5_000]));
    }
}

#[test]
fn blocks_that_change_threads() {
    for threads in [2, 3, 8] {
        subjects::check_all(Threads::Several(threads), |profile, mode| {
            random(profile, mode, &[threads, 4_000, threads])
        });
    }
}

#[test]
fn off_passes_everything_on() {
    for profile in Profile::ALL {
        for numbers in [&[1, 5_000][..], &[2, 4_000, 4]] {
            let output = random(profile, Mode::Off, numbers).command().env("ALLOC_PROBE", "off").output();
            let output = output.expect("it runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
