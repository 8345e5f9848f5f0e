//! Scripts, parsed and run with rhai. `interpreter ROUNDS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use rhai::{Dynamic, Engine, Scope};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

const SCRIPT: &str = r#"
    fn fibonacci(n) { if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) } }
    fn describe(value) {
        if type_of(value) == "array" {
            let text = "[";
            for item in value { text += describe(item) + ","; }
            text + "]"
        } else {
            `<${value}>`
        }
    }
    let list = [];
    for i in 0..rounds { list.push(#{ number: i, name: "item " + i, inner: [i, [i + 1, [i * 2]]] }); }
    let text = "";
    for item in list { if item.number % 2 == 0 { text += describe(item.inner); } else { text += item.name; } }
    let large = list.filter(|item| item.number > 3).map(|item| item.number * 2);
    try { throw "a failure"; } catch (failure) { text += failure; }
    text + fibonacci(6) + large.len()
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: interpreter ROUNDS")?.parse()?;
    step(1);
    let engine = Engine::new();
    step(2);
    let tree = engine.compile(SCRIPT)?;
    let mut letters = 0;
    for round in 0..count {
        step(3 + round);
        let mut scope = Scope::new();
        scope.push("rounds", (round % 6 + 2) as i64);
        step(3 + round);
        let text: String = engine.eval_ast_with_scope(&mut scope, &tree)?;
        letters += text.len();
        step(3 + round);
        let answer: Dynamic = engine.eval(&format!("let x = {round}; let y = [x, x * 2]; y.len() + x"))?;
        letters += answer.to_string().len();
        step(3 + round);
        letters += engine.compile("let a = (1 + ;").map_or_else(|error| error.to_string().len(), |_| 0);
    }
    step(1 << 32);
    println!("{letters} letters");
    Ok(())
}
