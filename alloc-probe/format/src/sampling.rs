//! What drawing blocks by chance takes to compute.
//!
//! The two functions of mathematics are our own, because the system's are in a library of their own (`libm`), which
//! every program with the probe would have to load, for 300 KiB of resident memory and more.

use crate::spool::SAMPLE_BLOCK;

/// What a block of a size stands for that was drawn by chance: bytes, and parts of blocks. It was drawn with
/// probability 1 − e^(−size/mean), and weighs the reciprocal.
pub fn sample_weight(size: u64, mean: u64) -> (u64, u64) {
    let weight = 1.0 / probability(size.max(1) as f64 / mean.max(1) as f64);
    ((size as f64 * weight) as u64, (weight * SAMPLE_BLOCK as f64) as u64)
}

/// The bytes until the next sample: exponential with the given mean. `uniform` is above 0 and at most 1.
pub fn sample_gap(uniform: f64, mean: u64) -> i64 {
    (-logarithm(uniform) * mean as f64) as i64
}

/// 1 − e^(−x), for x from 0.
fn probability(x: f64) -> f64 {
    // Halved until the series has little to do. With p = 1 − e^(−y), that of 2y is p (2 − p), which cancels nothing.
    let (mut y, mut halvings) = (x.min(64.0), 0);
    while y > 0.125 {
        (y, halvings) = (y / 2.0, halvings + 1);
    }
    // y − y²/2! + y³/3! …, from the last term that counts.
    let series = (2..=10).rev().fold(1.0, |sum, n| 1.0 - y / f64::from(n) * sum) * y;
    (0..halvings).fold(series, |p, _| p * (2.0 - p))
}

/// The natural logarithm of a normal number.
fn logarithm(x: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    // x = m 2^e, with m near 1; then ln m = 2 artanh s, with s = (m − 1) / (m + 1).
    let exponent = (x.to_bits() >> 52) as i32 - 1023;
    let fraction = f64::from_bits(x.to_bits() & FRACTION | 1023 << 52);
    let (m, exponent) = if fraction > std::f64::consts::SQRT_2 {
        (fraction / 2.0, exponent + 1)
    } else {
        (fraction, exponent)
    };
    let s = (m - 1.0) / (m + 1.0);
    // s + s³/3 + s⁵/5 …
    let series = (0..=10).rev().fold(0.0, |sum, n| sum * s * s + 1.0 / f64::from(2 * n + 1)) * s;
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * series
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Differs from `right` by a few of the last bits at most, as the library does that Miri has.
    fn is_near(got: f64, right: f64) -> bool {
        (got - right).abs() <= 1e-14 * right.abs()
    }

    #[test]
    fn both_are_the_library_s_but_for_the_last_bits() {
        for step in 0..4000 {
            // From 1e-9 to 1e+3 or so.
            let x = 1e-9 * 1.007_f64.powi(step);
            assert!(is_near(probability(x), -(-x).exp_m1()), "{x}");
            let uniform = 1.0 / (1.0 + x);
            assert!(
                (logarithm(uniform) - uniform.ln()).abs() <= 1e-14 * uniform.ln().abs().max(0.1),
                "{uniform}"
            );
        }
        assert_eq!((logarithm(1.0), probability(0.0), probability(1e9)), (0.0, 0.0, 1.0));
        let least = 1.0 / (1_u64 << 53) as f64;
        assert!(is_near(logarithm(least), least.ln()));
    }

    #[test]
    fn small_blocks_stand_for_the_mean_and_large_ones_for_themselves() {
        let mean = 512 << 10;
        let (bytes, blocks) = sample_weight(100, mean);
        assert!(bytes.abs_diff(mean) < 100, "{bytes}");
        assert!((blocks / SAMPLE_BLOCK).abs_diff(mean / 100) <= 1);
        assert_eq!(sample_weight(64 << 20, mean), (64 << 20, SAMPLE_BLOCK));
    }
}
