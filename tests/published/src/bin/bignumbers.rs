//! Factorials, powers, and their digits, with num-bigint. `bignumbers COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use num_bigint::{BigInt, BigUint};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn factorial(number: u64) -> BigUint {
    (1..=number).map(BigUint::from).product()
}

fn fibonacci(number: u64) -> BigUint {
    let (mut one, mut other) = (BigUint::from(0_u8), BigUint::from(1_u8));
    for _ in 0..number {
        one += &other;
        std::mem::swap(&mut one, &mut other);
    }
    one
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: bignumbers COUNT")?.parse()?;
    let mut texts = Vec::new();
    let mut sum = BigInt::from(-1);
    for number in 1..=count {
        step(number);
        texts.push(factorial(number).to_string());
        step(number);
        let fibonacci = fibonacci(number * 3);
        sum += BigInt::from(fibonacci.pow(3) % BigUint::from(1_000_000_007_u64));
        step(number);
        let parsed: BigInt = texts[texts.len() - 1].parse()?;
        sum = sum * 3 - parsed / (number + 1);
        step(number);
        texts.push(sum.to_str_radix(36));
    }
    step(1 << 32);
    println!("{} digits", texts.iter().map(String::len).sum::<usize>());
    Ok(())
}
