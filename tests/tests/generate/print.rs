//! A program as Rust: a module of a binary, and one of the crate below it.

use super::program::{Field, Function, Home, Inline, Kind, Program, Shape, Statement, Type, Used};
use std::fmt::Write;

/// What a program's text consists of.
pub(crate) struct Printed {
    /// The module in the binary.
    pub(crate) above: String,
    /// The module in the crate below.
    pub(crate) below: String,
}

/// What a list of statements is part of.
#[derive(Clone, Copy)]
struct Place {
    /// The function's number, which those that it calls are compared with: see [`Printer::call`].
    function: usize,
    /// Whether `?` and `.await` can stand there.
    is_fallible: bool,
    is_async: bool,
    /// Whether it is in a function that is generic over a closure.
    is_higher: bool,
    /// Whether it is in the program's own body, outside of any function.
    is_run: bool,
    indent: usize,
}

struct Printer<'a> {
    program: &'a Program,
    used: Used,
    /// What its modules are called, in the binary and in the crate below.
    module: &'a str,
    text: String,
    /// Counts statements, so that each has numbers of its own.
    count: u64,
}

/// Prints a program, whose modules are called that.
pub(crate) fn print(program: &Program, module: &str) -> Printed {
    let printer = || {
        let mut printer = Printer { program, used: program.used(), module, text: String::new(), count: 0 };
        printer.line(0, &format!("//! Made from seed {}.", program.seed));
        printer.uses();
        printer
    };
    let (mut above, mut below) = (printer(), printer());
    above.items(Home::Root);
    for number in 0..3 {
        above.submodule(number);
    }
    above.run();
    below.items(Home::Crate);
    Printed { above: above.text, below: below.text }
}

impl Printer<'_> {
    fn line(&mut self, indent: usize, line: &str) {
        let _ = writeln!(self.text, "{:width$}{line}", "", width = 4 * indent);
    }

    fn uses(&mut self) {
        self.line(0, "use parts::{Failure, Kept, Make, Out, Part, block_on, give_way};");
        self.line(0, "use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};");
        self.line(0, "use std::{cell::RefCell, fmt::Write, panic::AssertUnwindSafe, rc::Rc, sync::Arc};");
    }

    fn submodule(&mut self, number: u8) {
        let start = self.text.len();
        self.items(Home::Module(number));
        let items = self.text.split_off(start);
        self.line(0, "");
        self.line(0, &format!("pub mod m{number} {{"));
        self.line(1, "use super::*;");
        for line in items.lines() {
            self.line(usize::from(!line.is_empty()), line);
        }
        self.line(0, "}");
    }

    fn items(&mut self, home: Home) {
        let program = self.program;
        for (index, of) in program.types.iter().enumerate() {
            if of.home == home && self.used.types.contains(&index) {
                self.type_of(index, of);
            }
        }
        for (index, function) in program.functions.iter().enumerate() {
            if function.home == home && self.used.functions.contains(&index) {
                self.function(index, function);
            }
        }
    }

    /// The path of an item, from anywhere.
    fn path(&self, home: Home, name: &str) -> String {
        let module = self.module;
        match home {
            Home::Root => format!("crate::{module}::{name}"),
            Home::Module(number) => format!("crate::{module}::m{number}::{name}"),
            Home::Crate => format!("parts::{module}::{name}"),
        }
    }

    fn type_path(&self, of: usize) -> String {
        let of = &self.program.types[of];
        self.path(of.home, of.name)
    }

    fn type_of(&mut self, index: usize, of: &Type) {
        let name = of.name;
        self.line(0, "");
        self.line(0, "#[derive(Clone, Debug, PartialEq)]");
        let declare = |fields: &[Field]| -> Vec<String> {
            let field = |field: &Field| match field {
                Field::Number => "u64".to_owned(),
                Field::Text => "String".to_owned(),
                Field::Bytes => "Vec<u8>".to_owned(),
                Field::Nested => format!("Option<Box<{name}>>"),
                Field::List => "Vec<String>".to_owned(),
                Field::Shared => "Rc<str>".to_owned(),
                Field::Map => "BTreeMap<u64, String>".to_owned(),
            };
            fields.iter().map(field).collect()
        };
        let value = |fields: &[Field], count: &mut u64| -> Vec<String> {
            let mut value = |field: &Field| {
                *count += 1;
                let k = *count % 23;
                match field {
                    Field::Number => format!("n ^ {k}"),
                    Field::Text => format!("\"{name}\".repeat((n % {}) as usize)", k + 1),
                    Field::Bytes => format!("vec![n as u8; (n % {}) as usize]", 3 * k + 2),
                    Field::Nested => format!(
                        "if depth > 0 {{ Some(Box::new({name}::make(n / 3 + {k}, depth - 1))) }} else {{ None }}"
                    ),
                    Field::List => format!("(0..n % {}).map(|i| (n + i).to_string()).collect()", k % 5 + 1),
                    Field::Shared => format!("Rc::from(\"{name}\".repeat({}))", k % 4 + 1),
                    Field::Map => {
                        format!("(0..n % {}).map(|i| (i, format!(\"{{i}}-{{n}}\"))).collect()", k % 6 + 1)
                    }
                }
            };
            fields.iter().map(&mut value).collect()
        };
        let weight = |index: usize, field: &Field| match field {
            Field::Number => format!("*f{index} % 7"),
            Field::Text | Field::Shared => format!("f{index}.len() as u64"),
            Field::Bytes | Field::List | Field::Map => format!("f{index}.len() as u64 * 3"),
            Field::Nested => format!("f{index}.as_ref().map_or(0, |inner| inner.weigh())"),
        };
        let weigh = |fields: &[Field]| {
            let sum: Vec<_> = fields.iter().enumerate().map(|(index, field)| weight(index, field)).collect();
            if sum.is_empty() { "1".to_owned() } else { sum.join(" + ") }
        };
        let names = |fields: &[Field]| {
            let names: Vec<_> = (0..fields.len()).map(|index| format!("f{index}")).collect();
            names.join(", ")
        };
        let mut count = index as u64 * 31 + self.program.seed % 100;
        let (mut make, mut weights) = (Vec::new(), Vec::new());
        match &of.shape {
            Shape::Struct(fields) => {
                let declared: Vec<_> =
                    declare(fields).iter().enumerate().map(|(index, of)| format!("f{index}: {of}")).collect();
                self.line(0, &format!("pub struct {name} {{ {} }}", declared.join(", ")));
                let values: Vec<_> = value(fields, &mut count)
                    .iter()
                    .enumerate()
                    .map(|(index, of)| format!("f{index}: {of}"))
                    .collect();
                make.push(format!("{name} {{ {} }}", values.join(", ")));
                weights.push(format!("let {name} {{ {} }} = self;", names(fields)));
                weights.push(weigh(fields));
            }
            Shape::Enum(variants) => {
                self.line(0, &format!("pub enum {name} {{"));
                for (number, fields) in variants.iter().enumerate() {
                    let declared = declare(fields).join(", ");
                    let declared = if fields.is_empty() { String::new() } else { format!("({declared})") };
                    self.line(1, &format!("V{number}{declared},"));
                }
                self.line(0, "}");
                make.push(format!("match n % {} {{", variants.len()));
                weights.push("match self {".to_owned());
                for (number, fields) in variants.iter().enumerate() {
                    let last = number + 1 == variants.len();
                    let pattern = if last { "_".to_owned() } else { number.to_string() };
                    let values = value(fields, &mut count).join(", ");
                    let values = if fields.is_empty() { String::new() } else { format!("({values})") };
                    make.push(format!("    {pattern} => {name}::V{number}{values},"));
                    let names =
                        if fields.is_empty() { String::new() } else { format!("({})", names(fields)) };
                    weights.push(format!("    {name}::V{number}{names} => {},", weigh(fields)));
                }
                make.push("}".to_owned());
                weights.push("}".to_owned());
            }
        }
        self.line(0, "");
        self.line(0, &format!("impl Make for {name} {{"));
        self.inline(1, of.make_inline);
        self.line(1, &format!("fn make(n: u64, depth: u32) -> {name} {{"));
        make.iter().for_each(|line| self.line(2, line));
        self.line(1, "}");
        self.line(0, "}");
        self.line(0, "");
        self.line(0, &format!("impl Part for {name} {{"));
        self.inline(1, of.act_inline);
        self.line(1, "fn act(&self, n: u64, depth: u32, out: &mut Out) {");
        self.line(2, "if !out.enter() {");
        self.line(3, "return;");
        self.line(2, "}");
        self.line(2, "let n = n ^ self.weigh();");
        let place = Place {
            function: self.program.functions.len(),
            is_fallible: false,
            is_async: false,
            is_higher: false,
            is_run: false,
            indent: 2,
        };
        self.statements(&of.act, place);
        self.line(1, "}");
        self.line(0, "");
        self.line(1, "fn weigh(&self) -> u64 {");
        weights.iter().for_each(|line| self.line(2, line));
        self.line(1, "}");
        self.line(0, "}");
        if of.drops {
            self.line(0, "");
            self.line(0, &format!("impl Drop for {name} {{"));
            self.line(1, "fn drop(&mut self) {");
            self.line(2, "std::hint::black_box(format!(\"{} is gone\", self.weigh()));");
            self.line(1, "}");
            self.line(0, "}");
        }
    }

    fn inline(&mut self, indent: usize, inline: Inline) {
        match inline {
            Inline::Unsaid => {}
            Inline::Hint => self.line(indent, "#[inline]"),
            Inline::Always => self.line(indent, "#[inline(always)]"),
            Inline::Never => self.line(indent, "#[inline(never)]"),
            Inline::Cold => self.line(indent, "#[cold]"),
        }
    }

    fn function(&mut self, index: usize, function: &Function) {
        let Function { name, kind, inline, body, twins, .. } = function;
        self.line(0, "");
        let is_macro = *twins > 1;
        let (indent, shown) = if is_macro { (2, "$name".to_owned()) } else { (0, (*name).to_owned()) };
        if is_macro {
            self.line(0, &format!("macro_rules! {name}_twins {{"));
            self.line(1, "($($name:ident)*) => {$(");
        }
        self.inline(indent, *inline);
        let arguments = "n: u64, depth: u32, out: &mut Out";
        let (head, nothing) = match kind {
            Kind::Plain => (format!("fn {shown}({arguments})"), "return;"),
            Kind::Number => (format!("fn {shown}({arguments}) -> u64"), "return n;"),
            Kind::Fallible => (format!("fn {shown}({arguments}) -> Result<u64, Failure>"), "return Ok(n);"),
            Kind::Async => (format!("async fn {shown}({arguments}) -> u64"), "return n;"),
            Kind::Generic => (format!("fn {shown}<T: Make>({arguments})"), "return;"),
            Kind::Higher => {
                (format!("fn {shown}({arguments}, mut act: impl FnMut(u64, &mut Out))"), "return;")
            }
            Kind::Dynamic => {
                (format!("fn {shown}({arguments}, act: &mut dyn FnMut(u64, &mut Out))"), "return;")
            }
            Kind::Slice => (format!("fn {shown}(items: &[u64], depth: u32, out: &mut Out)"), "return;"),
            Kind::Texts => (format!("fn {shown}({arguments}) -> Vec<String>"), "return Vec::new();"),
        };
        self.line(indent, &format!("pub {head} {{"));
        self.line(indent + 1, "if !out.enter() {");
        self.line(indent + 2, nothing);
        self.line(indent + 1, "}");
        match kind {
            Kind::Slice => {
                self.line(indent + 1, "let Some((&n, rest)) = items.split_first() else { return };");
            }
            Kind::Generic => {
                self.line(indent + 1, "let part = T::make(n, 1);");
                self.line(indent + 1, "let n = n ^ part.weigh();");
            }
            Kind::Higher | Kind::Dynamic => self.line(indent + 1, "act(n, out);"),
            Kind::Fallible => {
                self.line(indent + 1, &format!("let n = (n + {index}).to_string().parse::<u64>()?;"));
            }
            _ => {}
        }
        let place = Place {
            function: index,
            is_fallible: *kind == Kind::Fallible,
            is_async: *kind == Kind::Async,
            is_higher: *kind == Kind::Higher,
            is_run: false,
            indent: indent + 1,
        };
        self.statements(body, place);
        match kind {
            Kind::Number | Kind::Async => self.line(indent + 1, "n.wrapping_mul(31) ^ out.sum"),
            Kind::Fallible => {
                self.line(indent + 1, "if n % 13 == 5 { Err(Failure::of(n)) } else { Ok(n) }");
            }
            Kind::Slice => {
                self.line(indent + 1, "if depth > 0 {");
                let path = self.path(function.home, name);
                self.line(indent + 2, &format!("{path}(rest, depth - 1, out);"));
                self.line(indent + 1, "}");
            }
            Kind::Generic => self.line(indent + 1, "out.sum ^= part.weigh();"),
            Kind::Higher | Kind::Dynamic => self.line(indent + 1, "act(n / 2, out);"),
            Kind::Texts => {
                self.line(indent + 1, "(0..1 + n % 4).map(|i| format!(\"{i} of {n}\")).collect()");
            }
            Kind::Plain => {}
        }
        self.line(indent, "}");
        if is_macro {
            self.line(1, ")*};");
            self.line(0, "}");
            let names: Vec<_> = (0..*twins).map(|twin| twin_name(name, twin)).collect();
            self.line(0, &format!("{name}_twins! {{ {} }}", names.join(" ")));
        }
    }

    fn run(&mut self) {
        let Program { body, depth, fuel, .. } = self.program;
        self.line(0, "");
        self.line(0, "pub fn run() -> u64 {");
        self.line(1, &format!("let mut program_out = Out::new({fuel});"));
        self.line(1, "let out = &mut program_out;");
        self.line(
            1,
            &format!(
                "let (n, depth) = (std::hint::black_box({}_u64), {depth}_u32);",
                1 + self.program.seed % 1_000
            ),
        );
        let place = Place {
            function: self.program.functions.len(),
            is_fallible: false,
            is_async: false,
            is_higher: false,
            is_run: true,
            indent: 1,
        };
        for (number, statement) in (1..).zip(body) {
            self.line(1, &format!("alloc_probe_programs::step({number});"));
            self.statement(statement, place);
        }
        self.line(1, &format!("alloc_probe_programs::step({});", body.len() + 1));
        self.line(1, "out.sum ^ n ^ u64::from(depth) ^ out.kept.len() as u64");
        self.line(0, "}");
    }

    fn statements(&mut self, statements: &[Statement], place: Place) {
        statements.iter().for_each(|statement| self.statement(statement, place));
    }

    /// A block with statements, in which `n` is something else.
    fn block(&mut self, statements: &[Statement], n: &str, place: Place) {
        let place = Place { indent: place.indent + 1, ..place };
        self.line(place.indent, &format!("let n = ({n}) % 100_003;"));
        self.statements(statements, place);
    }

    fn statement(&mut self, statement: &Statement, place: Place) {
        self.count += 1;
        let (indent, count) = (place.indent, self.count);
        // In a closure nothing is awaited, nor does `?` lead out of the function.
        let within = Place { is_fallible: false, is_async: false, ..place };
        match statement {
            Statement::Allocate { what, size, kept } => self.allocate(*what, *size, *kept, indent),
            Statement::Call { function, twin, of, body } => self.call(*function, *twin, *of, body, place),
            Statement::Values { of, copies, printed, compared, kept } => {
                let path = self.type_path(*of);
                self.line(indent, "{");
                self.line(
                    indent + 1,
                    &format!("let value = {path}::make(n + {}, {});", count % 9, count % 4),
                );
                for _ in 0..*copies {
                    self.line(indent + 1, "out.sum ^= value.clone().weigh();");
                }
                if *compared {
                    self.line(indent + 1, &format!("let other = {path}::make(n / 2, 1);"));
                    self.line(indent + 1, "out.sum += u64::from(value == other);");
                }
                if *printed {
                    self.line(indent + 1, "out.keep(Kept::Text(format!(\"{value:?}\")));");
                }
                if *kept {
                    self.line(indent + 1, "out.keep(Kept::Part(Box::new(value)));");
                }
                self.line(indent, "}");
            }
            Statement::Method { of } => {
                let path = self.type_path(*of);
                self.line(indent, "if depth > 0 {");
                self.line(
                    indent + 1,
                    &format!("{path}::make(n, 1).act(n / 2 + {}, depth - 1, out);", count % 5),
                );
                self.line(indent, "}");
            }
            Statement::Objects { of } if !of.is_empty() => {
                let parts: Vec<_> =
                    of.iter().map(|of| format!("Box::new({}::make(n, 1))", self.type_path(*of))).collect();
                self.line(indent, "if depth > 0 {");
                self.line(
                    indent + 1,
                    &format!("let parts: Vec<Box<dyn Part>> = vec![{}];", parts.join(", ")),
                );
                self.line(indent + 1, "for part in &parts {");
                self.line(indent + 2, "part.act(n + 1, depth - 1, out);");
                self.line(indent + 1, "}");
                self.line(indent, "}");
            }
            Statement::Objects { .. } => {}
            Statement::Loop { turns, body } => {
                self.line(indent, &format!("for i in 0..{turns}_u64 {{"));
                if place.is_run {
                    self.line(indent + 1, &format!("alloc_probe_programs::step({});", count << 16));
                }
                self.block(body, "n * 5 + i", place);
                self.line(indent, "}");
            }
            Statement::Chain { what, turns, body } => self.chain(*what, *turns, body, place),
            Statement::Branch { arms } => {
                self.line(indent, &format!("match n % {} {{", arms.len()));
                for (number, arm) in arms.iter().enumerate() {
                    let pattern = if number + 1 == arms.len() { "_".to_owned() } else { number.to_string() };
                    self.line(indent + 1, &format!("{pattern} => {{"));
                    self.block(arm, &format!("n / 2 + {number}"), Place { indent: indent + 1, ..place });
                    self.line(indent + 1, "}");
                }
                self.line(indent, "}");
            }
            Statement::Closure { calls, body } => {
                self.line(indent, &format!("let act{count} = |n: u64, out: &mut Out| {{"));
                self.statements(body, Place { indent: indent + 1, ..within });
                self.line(indent + 1, "out.sum ^= n;");
                self.line(indent, "};");
                for call in 0..*calls {
                    self.line(indent, &format!("act{count}(n + {call}, out);"));
                }
            }
            Statement::Caught { every, body } => {
                self.line(indent, "let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {");
                self.block(body, "n + 1", within);
                self.line(indent + 1, &format!("assert!(n % {every} != 0, \"{{n}} can be divided\");"));
                self.line(indent, "}));");
                self.line(indent, "out.sum += u64::from(caught.is_err());");
            }
            Statement::Await { yields, body } => {
                let wait = if place.is_async { "" } else { "block_on(" };
                let end = if place.is_async { "}.await;" } else { "});" };
                self.line(indent, &format!("{wait}async {{"));
                for _ in 0..*yields {
                    self.line(indent + 1, "give_way().await;");
                }
                self.block(body, "n + 3", Place { is_async: true, is_fallible: false, ..place });
                self.line(indent, end);
            }
            Statement::Thread { body } => {
                self.line(indent, "let other = std::thread::spawn(move || {");
                self.line(indent + 1, "alloc_probe_programs::step(1);");
                self.line(indent + 1, "let mut thread_out = Out::new(200);");
                self.line(indent + 1, "let out = &mut thread_out;");
                self.statements(body, Place { indent: indent + 1, ..within });
                self.line(indent + 1, "out.sum");
                self.line(indent, "});");
                self.line(indent, "out.sum ^= other.join().expect(\"no panic leaves it\");");
            }
        }
    }

    /// A call. Whatever leads back, to the function itself or to one before it, takes a turn from `depth`.
    fn call(&mut self, function: usize, twin: u8, of: usize, body: &[Statement], place: Place) {
        let callee = &self.program.functions[function];
        // Each turn would be another type.
        if callee.kind == Kind::Higher && place.is_higher && function <= place.function {
            return;
        }
        let (count, home) = (self.count, callee.home);
        let name = if callee.twins > 1 { twin_name(callee.name, twin) } else { callee.name.to_owned() };
        let path = self.path(home, &name);
        let is_back = function <= place.function;
        let (mut indent, depth) = (place.indent, if is_back { "depth - 1" } else { "depth" });
        if is_back {
            self.line(indent, "if depth > 0 {");
            indent += 1;
        }
        let arguments = format!("n / 2 + {}, {depth}, out", count % 17);
        match callee.kind {
            Kind::Plain => self.line(indent, &format!("{path}({arguments});")),
            Kind::Number => self.line(indent, &format!("out.sum ^= {path}({arguments});")),
            Kind::Fallible if place.is_fallible => {
                self.line(indent, &format!("out.sum ^= {path}({arguments})?;"));
            }
            Kind::Fallible => {
                self.line(indent, &format!("if let Err(failure) = {path}({arguments}) {{"));
                self.line(indent + 1, "out.keep(Kept::Text(failure.to_string()));");
                self.line(indent, "}");
            }
            Kind::Async if place.is_async && is_back => {
                self.line(indent, &format!("let answer = Box::pin({path}({arguments})).await;"));
                self.line(indent, "out.sum ^= answer;");
            }
            Kind::Async if place.is_async => {
                self.line(indent, &format!("let answer = {path}({arguments}).await;"));
                self.line(indent, "out.sum ^= answer;");
            }
            Kind::Async => {
                self.line(indent, &format!("let answer = block_on({path}({arguments}));"));
                self.line(indent, "out.sum ^= answer;");
            }
            Kind::Generic => {
                let of = self.type_path(of);
                self.line(indent, &format!("{path}::<{of}>({arguments});"));
            }
            Kind::Higher | Kind::Dynamic => {
                let by = if callee.kind == Kind::Dynamic { "&mut " } else { "" };
                self.line(indent, &format!("{path}({arguments}, {by}|n: u64, out: &mut Out| {{"));
                let within = Place { is_fallible: false, is_async: false, indent: indent + 1, ..place };
                self.statements(body, within);
                self.line(indent + 1, "out.sum ^= n;");
                self.line(indent, "});");
            }
            Kind::Slice => {
                let items = format!("[n, n / 2, n / 3 + {}, n ^ 5, 7]", count % 11);
                self.line(indent, &format!("{path}(&{items}[..{}], {depth}, out);", 1 + count % 5));
            }
            Kind::Texts => {
                self.line(indent, &format!("let texts = {path}({arguments});"));
                self.line(indent, "out.keep(Kept::Texts(texts));");
            }
        }
        if is_back {
            self.line(place.indent, "}");
        }
    }

    fn chain(&mut self, what: u8, turns: u8, body: &[Statement], place: Place) {
        let indent = place.indent;
        let within = Place { is_fallible: false, is_async: false, ..place };
        let (head, tail) = match what {
            0 => (format!("(0..{turns}_u64).for_each(|i| {{"), "});"),
            1 => (
                format!("(0..{turns}_u64).filter(|i| (i + n) % 3 != 1).map(|i| i * n).for_each(|i| {{"),
                "});",
            ),
            2 => (
                format!("let sums: Vec<u64> = (0..{turns}_u64).flat_map(|i| [i, n % 7]).map(|i| {{"),
                "    out.sum ^ i\n}).collect();\nout.keep(Kept::Numbers(sums));",
            ),
            3 => (
                format!(
                    "let parts = format!(\"{{n}},{{depth}},{turns}\");\nparts.split(',').enumerate().for_each(|(i, part)| {{\n    let i = i as u64 + part.len() as u64;"
                ),
                "});",
            ),
            4 => (
                format!("let count = (0..{turns}_u64).take_while(|i| i % 5 < 4).fold(0, |sum, i| {{"),
                "    sum + i\n});\nout.sum += count;",
            ),
            _ => (
                format!(
                    "let any = (0..{turns}_u64).zip([n, 3, 4, 5, 1, 2]).any(|(i, m)| {{\n    let i = i ^ m;"
                ),
                "    i > 1 << 40\n});\nout.sum += u64::from(any);",
            ),
        };
        head.lines().for_each(|line| self.line(indent, line));
        self.block(body, "n + i % 100_003", within);
        tail.lines().for_each(|line| self.line(indent, line));
    }

    fn allocate(&mut self, what: u8, size: u32, kept: bool, indent: usize) {
        let k = u64::from(size);
        let (value, kind) = match what {
            0 => (format!("vec![n as u8; 1 + (n % {k}) as usize]"), "Bytes"),
            1 => (format!("vec![0_u8; {k}]"), "Bytes"),
            2 => (format!("format!(\"{{n}} and {k}\")"), "Text"),
            3 => (format!("\"ab\".repeat(1 + (n % {k}) as usize)"), "Text"),
            4 => (format!("(0..1 + n % {k}).map(|i| i * n).collect()"), "Numbers"),
            5 => (format!("(0..1 + n % {k}).filter(|i| i % 3 != 0).collect()"), "Numbers"),
            6 => (format!("(0..1 + n % {}).map(|i| (i + n).to_string()).collect()", k % 9 + 1), "Texts"),
            7 => (
                format!("\"one two three four\".split(' ').take({}).map(str::to_owned).collect()", k % 4 + 1),
                "Texts",
            ),
            8 => (format!("Box::new([n; {}])", 4), "Four"),
            9 => (format!("Rc::new(RefCell::new(vec![n; {}]))", k % 20 + 1), "Shared"),
            10 => (format!("Arc::from(\"xyz\".repeat({}))", k % 10 + 1), "Name"),
            11 => (format!("(0..1 + n % {k}).map(|i| (i, i.to_string())).collect()"), "Tree"),
            12 => (format!("(0..1 + n % {k}).map(|i| (i.to_string(), i)).collect()"), "Hash"),
            13 => (format!("(0..1 + n % {k}).rev().collect::<VecDeque<u64>>().into()"), "Numbers"),
            14 => (format!("\"a text to turn around\".chars().rev().take({k}).collect()"), "Text"),
            15 => (format!("[\"one\", \"two\", \"three\"].join(&\"-\".repeat({}))", k % 5), "Text"),
            16 => (format!("[vec![n; 2], vec![{k}; 3], Vec::new()].concat()"), "Numbers"),
            17 => (
                format!(
                    "{{ let mut text = String::new(); for i in 0..n % {k} {{ write!(text, \"{{i}};\").expect(\"memory\"); }} text }}"
                ),
                "Text",
            ),
            18 => (
                format!(
                    "{{ let mut all: Vec<u64> = (0..{}).map(|i| i * n % 17).collect(); all.sort_by_key(|i| i % 5); all }}",
                    k + 10
                ),
                "Numbers",
            ),
            19 => (
                format!("{{ let mut all = Vec::new(); for i in 0..n % {k} {{ all.push(i ^ n); }} all }}"),
                "Numbers",
            ),
            20 => (format!("(0..n % {k}).collect::<BTreeSet<u64>>().into_iter().collect()"), "Numbers"),
            21 => (format!("(0..n % {k}).collect::<HashSet<u64>>().len().to_string()"), "Text"),
            22 => (
                format!(
                    "\"Some Words Here\".to_lowercase().replace('e', &n.to_string()[..1]) + &\"x\".repeat({})",
                    k % 7
                ),
                "Text",
            ),
            _ => (
                format!(
                    "(0..n % {k}).map(|i| if i < 50 {{ Some(i) }} else {{ None }}).collect::<Option<Vec<u64>>>().unwrap_or_default()"
                ),
                "Numbers",
            ),
        };
        if kept {
            self.line(indent, &format!("out.keep(Kept::{kind}({value}));"));
        } else {
            self.line(indent, &format!("out.drop(&Kept::{kind}({value}));"));
        }
    }
}

fn twin_name(name: &str, twin: u8) -> String {
    format!("{name}_{}", ["a", "b", "c"][usize::from(twin)])
}
