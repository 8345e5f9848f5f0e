//! The macros. Each opens a scope, evaluates its expression in it once, and hands the value on.

/// Where the macro stands.
#[doc(hidden)]
#[macro_export]
macro_rules! __origin {
    () => {
        $crate::__private::Origin {
            function: ::core::any::type_name_of_val(&|| {}),
            package: ::core::option_env!("CARGO_MANIFEST_DIR"),
            debug: ::core::cfg!(debug_assertions),
        }
    };
}

/// Asserts a comparison of a figure of an expression's [`Usage`](crate::Usage), and yields the expression's value. The
/// other assertions are short for this one.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let text = alloc_probe::assert_usage!(largest_block <= 100, "x".repeat(100));
/// let length = alloc_probe::assert_usage!(temporary_blocks == 1, text.to_uppercase().len());
/// assert_eq!(length, 100);
/// # }
/// ```
///
/// The comparison is one of `<=`, `<`, `==`, `>=` and `>`. The expression becomes the body of a closure. Write `await`
/// before a future: `assert_usage!(peak_bytes <= 4096, await fetch())`.
///
/// # Panics
///
/// If the comparison does not hold: the message has the limit, the figure, and the call sites that made it, and a dump of
/// all of them goes to `target/alloc-probe/`. If nothing can be measured, as [`Scope::new`](crate::Scope::new).
#[macro_export]
macro_rules! assert_usage {
    ($figure:ident $comparison:tt $limit:expr, await $future:expr $(,)?) => {{
        let limit = $crate::__private::Limit::figure($limit);
        let check = $crate::__private::Check::new($crate::__origin!());
        let value = check.wrap($future).await;
        check.holds($crate::__private::Figure::$figure, $crate::__comparison!($comparison), limit);
        value
    }};
    ($figure:ident $comparison:tt $limit:expr, $expression:expr $(,)?) => {{
        let limit = $crate::__private::Limit::figure($limit);
        let check = $crate::__private::Check::new($crate::__origin!());
        let value = check.run(|| $expression);
        check.holds($crate::__private::Figure::$figure, $crate::__comparison!($comparison), limit);
        value
    }};
}

/// A comparison by its sign.
#[doc(hidden)]
#[macro_export]
macro_rules! __comparison {
    (<=) => {
        $crate::__private::Comparison::AtMost
    };
    (<) => {
        $crate::__private::Comparison::Below
    };
    (==) => {
        $crate::__private::Comparison::Equal
    };
    (>=) => {
        $crate::__private::Comparison::AtLeast
    };
    (>) => {
        $crate::__private::Comparison::Above
    };
}

/// Asserts that an expression never has more than so many bytes live at one instant, and yields its value.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let sum: u64 = alloc_probe::assert_peak_below!(80, (1..=10).collect::<Vec<u64>>().iter().sum());
/// assert_eq!(sum, 55);
/// # }
/// ```
///
/// Only bytes that the expression itself allocates count. They may reach the limit. More in [`assert_usage!`].
#[macro_export]
macro_rules! assert_peak_below {
    ($limit:expr, $($expression:tt)+) => { $crate::assert_usage!(peak_bytes <= $limit, $($expression)+) };
}

/// Asserts that an expression allocates no more than so many bytes in all, and yields its value.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// alloc_probe::assert_total_below!(1000, for _ in 0..10 {
///     drop(vec![0u8; 100]);
/// });
/// # }
/// ```
///
/// A reallocation counts with its whole new size. More in [`assert_usage!`].
#[macro_export]
macro_rules! assert_total_below {
    ($limit:expr, $($expression:tt)+) => { $crate::assert_usage!(total_bytes <= $limit, $($expression)+) };
}

/// Asserts how many blocks an expression allocates, reallocations included, and yields its value.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let words = alloc_probe::assert_alloc_count!(== 2, vec!["a".to_string()]);
/// alloc_probe::assert_alloc_count!(<= 10, words.clone());
/// # }
/// ```
///
/// The comparison is one of `<=`, `<`, `==`, `>=` and `>`. More in [`assert_usage!`].
#[macro_export]
macro_rules! assert_alloc_count {
    ($comparison:tt $limit:expr, $($expression:tt)+) => {
        $crate::assert_usage!(total_blocks $comparison $limit, $($expression)+)
    };
}

/// Asserts by how many bytes an expression raises live bytes at the most, and yields its value: [`assert_peak_below!`] with
/// any comparison.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// alloc_probe::assert_peak_delta!(== 300, drop((vec![0u8; 100], vec![0u8; 200])));
/// # }
/// ```
#[macro_export]
macro_rules! assert_peak_delta {
    ($comparison:tt $limit:expr, $($expression:tt)+) => {
        $crate::assert_usage!(peak_bytes $comparison $limit, $($expression)+)
    };
}

/// Asserts how many bytes that an expression allocates are still live at its end, and yields its value.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let kept = alloc_probe::assert_live_delta!(== 200, (vec![0u8; 100], vec![0u8; 200]).1);
/// # drop(kept);
/// # }
/// ```
///
/// They include what the value holds. More in [`assert_usage!`].
#[macro_export]
macro_rules! assert_live_delta {
    ($comparison:tt $limit:expr, $($expression:tt)+) => {
        $crate::assert_usage!(live_bytes $comparison $limit, $($expression)+)
    };
}

/// Asserts that an expression allocates nothing, and yields its value.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let mut buffer = Vec::with_capacity(10);
/// alloc_probe::assert_no_alloc!(buffer.push(1));
/// # }
/// ```
///
/// It may free what was there before. More in [`assert_usage!`].
#[macro_export]
macro_rules! assert_no_alloc {
    ($($expression:tt)+) => { $crate::assert_usage!(total_blocks <= 0, $($expression)+) };
}

/// Asserts that nothing that an expression allocates is still live at its end, and yields its value.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let length = alloc_probe::assert_no_leak!("x".repeat(1000).len());
/// assert_eq!(length, 1000);
/// # }
/// ```
///
/// What the value holds counts, too: an expression that ends with a `String` fails. The assertion waits up to a tenth of a
/// second for threads that are just ending. More in [`assert_usage!`].
#[macro_export]
macro_rules! assert_no_leak {
    ($($expression:tt)+) => { $crate::assert_usage!(live_blocks <= 0, $($expression)+) };
}

/// Asserts that an expression keeps to its budget in `alloc-budgets.toml`, and yields its value.
///
/// ```no_run
/// # alloc_probe::install!();
/// # fn main() {
/// # fn parse(_: &str) {}
/// let parsed = alloc_probe::assert_budget!("parse_large", parse("…"));
/// # }
/// ```
///
/// The file lies beside the package's `Cargo.toml`. `ALLOC_PROBE_BLESS=1 cargo test` writes it, so that a change in memory
/// is a change of a file in version control. Blocks must be the same, and bytes within the tolerance that the file states,
/// in both directions. Builds with and without debug assertions have budgets of their own.
///
/// # Panics
///
/// If the usage is not within the budget, if no budget has that name, and as [`assert_usage!`]. The message says how to
/// accept what was measured.
#[macro_export]
macro_rules! assert_budget {
    ($name:expr, await $future:expr $(,)?) => {{
        let check = $crate::__private::Check::new($crate::__origin!());
        let value = check.wrap($future).await;
        check.within_budget($name);
        value
    }};
    ($name:expr, $expression:expr $(,)?) => {{
        let check = $crate::__private::Check::new($crate::__origin!());
        let value = check.run(|| $expression);
        check.within_budget($name);
        value
    }};
}
