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

/// Asserts that a figure of the [`Usage`](crate::Usage) of an expression is as a comparison says, and yields the
/// expression's value. The other assertions are short for this one.
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
/// The comparison is one of `<=`, `<`, `==`, `>=` and `>`. The expression becomes the body of a closure; a future is
/// awaited by `await` before it, as in `assert_usage!(peak_bytes <= 4096, await fetch())`.
///
/// # Panics
///
/// Where the figure is off: the message has the limit, the figure, and the call sites that made it, and a dump of all of
/// them goes to `target/alloc-probe/`. Where nothing can be measured, as [`Scope::new`](crate::Scope::new).
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
/// The bytes are those that the expression itself allocated. The limit may be reached, and not exceeded. More in
/// [`assert_usage!`].
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

/// Asserts by how many bytes an expression raises what is live, at the most, and yields its value: the peak of what
/// itself allocates, as in [`assert_peak_below!`], by any comparison.
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

/// Asserts how many bytes of what an expression allocates are live when it has been evaluated, and yields its value.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let kept = alloc_probe::assert_live_delta!(== 200, (vec![0u8; 100], vec![0u8; 200]).1);
/// # drop(kept);
/// # }
/// ```
///
/// What the value holds is among them. More in [`assert_usage!`].
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

/// Asserts that nothing of what an expression allocates is live when it has been evaluated, and yields its value.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let length = alloc_probe::assert_no_leak!("x".repeat(1000).len());
/// assert_eq!(length, 1000);
/// # }
/// ```
///
/// What the value holds counts, too: an expression that ends with a `String` has leaked it so far. A failure is only one
/// when what is live is still so after a tenth of a second, for threads that are just ending. More in [`assert_usage!`].
#[macro_export]
macro_rules! assert_no_leak {
    ($($expression:tt)+) => { $crate::assert_usage!(live_blocks <= 0, $($expression)+) };
}

/// Asserts that what an expression allocates is as its budget in `alloc-budgets.toml` says, and yields its value.
///
/// ```no_run
/// # alloc_probe::install!();
/// # fn main() {
/// # fn parse(_: &str) {}
/// let parsed = alloc_probe::assert_budget!("parse_large", parse("…"));
/// # }
/// ```
///
/// The file lies beside the package's `Cargo.toml` and is written by `ALLOC_PROBE_BLESS=1 cargo test`, so that a change
/// in memory is a change of a file in version control. Blocks have to be the same, bytes within the tolerance that the
/// file states, more or less; builds with and without debug assertions have budgets of their own.
///
/// # Panics
///
/// Where the usage is off, where there is no budget of that name, and as [`assert_usage!`]. The message says how to
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
