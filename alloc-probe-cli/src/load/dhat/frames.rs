//! A frame of a DHAT file: `0x1f40: orders::main (src/main.rs:12:5)`.

use crate::source::modules::module_of_std;
use crate::source::names;
use crate::source::roles::is_of_std;

/// What a row of `ftbl` says. All that is not known is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) address: u64,
    /// The function as dumps have it: demangled, without a hash.
    pub(super) function: Option<String>,
    /// Whether the function's path was made from its file, for want of any in the file.
    pub(super) path_guessed: bool,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
    /// The object that it lies in, where that is told in the place of file and line.
    pub(super) object: Option<String>,
}

/// Where the `dhat` crate, which keeps the last three parts of a path, has files of the standard library; and where they
/// are. A project's own may be called so too, but for the first two.
const SHORTENED: [(&str, &str); 13] = [
    ("alloc/src/", "library/alloc/src/"),
    ("std/src/", "library/std/src/"),
    ("core/src/option.rs", "library/core/src/option.rs"),
    ("core/src/result.rs", "library/core/src/result.rs"),
    ("src/vec/", "library/alloc/src/vec/"),
    ("src/raw_vec/", "library/alloc/src/raw_vec/"),
    ("collections/btree/", "library/alloc/src/collections/btree/"),
    ("btree/map/", "library/alloc/src/collections/btree/map/"),
    ("iter/adapters/", "library/core/src/iter/adapters/"),
    ("iter/traits/", "library/core/src/iter/traits/"),
    ("src/alloc/global.rs", "library/core/src/alloc/global.rs"),
    ("src/ops/function.rs", "library/core/src/ops/function.rs"),
    ("src/sys/backtrace.rs", "library/std/src/sys/backtrace.rs"),
];

/// Files of the `dhat` crate itself and of how it takes stacks, and their modules.
const RECORDER: [(&str, &str); 2] = [("dhat-", "dhat"), ("src/backtrace/", "backtrace::backtrace")];

/// What both tools write for what they do not know.
const UNKNOWN: &str = "???";

impl Frame {
    /// Reads a row. Nothing that one can hold makes it fail: what is no frame is a function's name.
    pub(super) fn parse(text: &str) -> Frame {
        let mut frame = Frame::default();
        let mut rest = text;
        if let Some((address, after)) = text.strip_prefix("0x").and_then(|text| text.split_once(": ")) {
            if let Ok(address) = u64::from_str_radix(address, 16) {
                (frame.address, rest) = (address, after);
            }
        }
        // Functions may have brackets too, as those of C++ and `(below main)`.
        if let Some((before, place)) = rest.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) {
            rest = before;
            frame.place(place);
        }
        if rest != UNKNOWN && !rest.is_empty() {
            frame.name(rest);
        }
        frame
    }

    /// `src/main.rs:12:5`, `main.rs:12`, or `in /usr/lib/libc.so.6`.
    fn place(&mut self, place: &str) {
        if let Some(object) = place.strip_prefix("in ") {
            self.object = Some(object.to_owned());
            return;
        }
        let number = |text: &str| text.parse::<u32>().ok();
        let split = |text: &str| -> Option<(usize, u32)> {
            let (before, last) = text.rsplit_once(':')?;
            Some((before.len(), number(last)?))
        };
        let mut file = place;
        if let Some((end, last)) = split(place) {
            (file, self.line) = (&place[..end], Some(last));
            if let Some((end, line)) = split(file) {
                (file, self.line, self.column) = (&place[..end], Some(line), Some(last));
            }
        }
        self.file = (file != UNKNOWN && !file.is_empty()).then(|| file.to_owned());
        self.line = self.line.filter(|line| *line > 0);
        self.column = self.column.filter(|column| *column > 0);
    }

    fn name(&mut self, function: &str) {
        let name = names::demangle(function).unwrap_or_else(|| names::without_hash(function).to_owned());
        // Of an inlined function, line tables know its last name only.
        let module = self.file.as_deref().filter(|_| is_bare(&name)).and_then(module_of_std);
        self.path_guessed = module.is_some();
        self.function = Some(module.map_or(name.clone(), |module| format!("{module}::{name}")));
    }

    /// The same for a row of the `dhat` crate's, in a program of this name.
    pub(super) fn parse_shortened(text: &str, program: &str) -> Frame {
        let mut frame = Frame::parse(text);
        let Some((function, file)) = frame.function.clone().zip(frame.file.clone()) else { return frame };
        if is_bare(&function) || is_of_std(&function) {
            if let Some((whole, rest)) = after(&SHORTENED, &file) {
                frame.file = Some(format!("{whole}{rest}"));
                frame.name(&function);
            }
        }
        let program = program.replace('-', "_");
        // Without a path, the program's would be the `main` of C that calls it.
        let own = (function == "main" && file.ends_with(".rs")).then_some(program.as_str());
        let module = after(&RECORDER, &file).filter(|_| is_bare(&function)).map(|(module, _)| module);
        if let Some(module) = own.or(module) {
            (frame.function, frame.path_guessed) = (Some(format!("{module}::{function}")), true);
        }
        frame
    }

    /// Whether a thread begins with this function: nothing can have called it that would be of interest.
    pub(super) fn begins_a_thread(&self) -> bool {
        let Some(function) = &self.function else { return false };
        let short = names::short_name(function);
        let own = names::own_name(&short).split("::").next().unwrap_or_default();
        matches!(
            own,
            "main" | "_start" | "start_thread" | "thread_start" | "clone" | "clone3" | "__clone" | "__clone3"
        ) || ["(below main)", "__libc_start", "_dl_", "std::rt::lang_start"]
            .iter()
            .any(|start| short.starts_with(start))
    }
}

/// Whether a function has no path.
fn is_bare(function: &str) -> bool {
    !names::short_name(function).contains("::") && !function.starts_with('<')
}

/// What stands for the beginning of a file in a table, and the rest of the file.
fn after<'a>(table: &[(&str, &'a str)], file: &'a str) -> Option<(&'a str, &'a str)> {
    table.iter().find_map(|(start, whole)| Some((*whole, file.strip_prefix(start)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, function: Option<&str>, file: Option<&str>, place: (u32, u32)) -> Frame {
        let frame = Frame::parse(text);
        let found = (frame.line.unwrap_or(0), frame.column.unwrap_or(0));
        assert_eq!(
            (frame.function.as_deref(), frame.file.as_deref(), found),
            (function, file, place),
            "{text}"
        );
        frame
    }

    #[test]
    fn frames_of_both_tools_are_read() {
        let frame = check(
            "0x55964a8afc60: orders::run (orders/src/main.rs:29:21)",
            Some("orders::run"),
            Some("orders/src/main.rs"),
            (29, 21),
        );
        assert_eq!((frame.address, frame.path_guessed), (0x5596_4a8a_fc60, false));
        check("0x109160: mk (b.c:2)", Some("mk"), Some("b.c"), (2, 0));
        check("0x5596: main (???:0:0)", Some("main"), None, (0, 0));
        check("0x5596: ??? (???:0:0)", None, None, (0, 0));
        check("0x5596: ???", None, None, (0, 0));
        check("0x1: (below main) (libc-start.c:360)", Some("(below main)"), Some("libc-start.c"), (360, 0));
        check("0x1: ns::f(int, char) (a b.cc:3)", Some("ns::f(int, char)"), Some("a b.cc"), (3, 0));
        let frame = check(
            "0x4841: malloc (in /usr/lib/x (y).so)",
            Some("malloc (in /usr/lib/x"),
            Some("y).so"),
            (0, 0),
        );
        assert_eq!(frame.object, None);
        let frame = check("0x4841: malloc (in /usr/lib/x.so)", Some("malloc"), None, (0, 0));
        assert_eq!(frame.object.as_deref(), Some("/usr/lib/x.so"));
    }

    #[test]
    fn names_are_cleaned_and_completed() {
        check("0x1: _ZN6orders3run17h0123456789abcdefE (a.rs:1)", Some("orders::run"), Some("a.rs"), (1, 0));
        check("0x1: orders::run::h0123456789abcdef (a.rs:1)", Some("orders::run"), Some("a.rs"), (1, 0));
        let file = "library/alloc/src/vec/mod.rs";
        let frame = check(
            "0x1: push<u8> (library/alloc/src/vec/mod.rs:7)",
            Some("alloc::vec::push<u8>"),
            Some(file),
            (7, 0),
        );
        assert!(frame.path_guessed);
    }

    #[test]
    fn shortened_files_of_the_standard_library_are_known() {
        for (text, function, file) in [
            ("push<u8> (src/vec/mod.rs:7:1)", "alloc::vec::push<u8>", "library/alloc/src/vec/mod.rs"),
            (
                "alloc::vec::Vec<T>::push (src/vec/mod.rs:7:1)",
                "alloc::vec::Vec<T>::push",
                "library/alloc/src/vec/mod.rs",
            ),
            ("orders::vec::push (src/vec/mod.rs:7:1)", "orders::vec::push", "src/vec/mod.rs"),
            ("run (orders/src/run.rs:7:1)", "run", "orders/src/run.rs"),
            ("alloc (dhat-0.3.3/src/lib.rs:7:1)", "dhat::alloc", "dhat-0.3.3/src/lib.rs"),
            ("main (orders/src/main.rs:7:1)", "the_orders::main", "orders/src/main.rs"),
            ("orders::main (orders/src/main.rs:7:1)", "orders::main", "orders/src/main.rs"),
        ] {
            let frame = Frame::parse_shortened(&format!("0x1: {text}"), "the-orders");
            assert_eq!(
                (frame.function.as_deref(), frame.file.as_deref()),
                (Some(function), Some(file)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_thread_begins_at_its_start() {
        for (text, expected) in [
            ("0x1: orders::main (src/main.rs:1:1)", true),
            ("0x1: orders::main::{{closure}} (src/main.rs:1:1)", true),
            ("0x1: (below main) (libc-start.c:360)", true),
            ("0x1: std::sys::thread::unix::Thread::new::thread_start (a:1:1)", true),
            ("0x1: orders::domain (src/main.rs:1:1)", false),
            ("0x1: ??? (in /usr/lib/libc.so.6)", false),
        ] {
            assert_eq!(Frame::parse(text).begins_a_thread(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_frame_is_no_trouble() {
        for text in [
            "",
            ":",
            "0x",
            "0xzz: f (a:1)",
            ")",
            " ()",
            "0x1: ",
            "0x1:  ()",
            "0x1: f (:)",
            "0x1: f (:1:)",
            "é (ü:ö:1)",
        ] {
            Frame::parse(text);
        }
        check("0x1: f (a.rs:99999999999:4)", Some("f"), Some("a.rs:99999999999"), (4, 0));
    }
}
