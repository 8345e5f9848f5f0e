//! Words, sentences and percentages, as all parts of a diff have them.

pub(super) use crate::render::sentence::write as sentence;
use alloc_probe_format::metric::Metric;

/// What a metric is called in a headline: its bytes need no word of their own.
pub(super) fn word(metric: Metric) -> String {
    metric.name().trim_end_matches("-bytes").replace("-blocks", " blocks")
}

/// To one decimal, downwards: 100% is all of it.
pub(super) fn floor(percent: f64) -> f64 {
    (percent * 10.0).floor() / 10.0
}

/// What a function called on the way to the allocation, from it inwards: the one that it called itself, or the last of
/// several.
pub(super) fn called(functions: &[String]) -> String {
    match functions {
        [] => String::new(),
        [only] => format!(" → {only}"),
        [.., last] => format!(" → … → {}", tail(last)),
    }
}

/// What a function is called within its module, and of which type: behind the one whose row it is, there is no room for more.
fn tail(function: &str) -> &str {
    match function.rmatch_indices("::").nth(1) {
        Some((at, colons)) if !function.contains('<') => &function[at + colons.len()..],
        _ => function,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_called_what_stands_next_to_it() {
        let text =
            |functions: &[&str]| called(&functions.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(text(&[]), "");
        assert_eq!(text(&["vec::push"]), " → vec::push");
        assert_eq!(text(&["arena::alloc", "arena::grow", "vec::push"]), " → … → vec::push");
        assert_eq!(text(&["a::b", "moka::common::deques::Deques::push_back"]), " → … → Deques::push_back");
        assert_eq!(text(&["a::b", "<a::b::Vec as Clone>::clone"]), " → … → <a::b::Vec as Clone>::clone");
    }
}
