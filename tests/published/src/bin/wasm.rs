//! Modules of WebAssembly, made by hand, read and validated with wasmparser. `wasm FUNCTIONS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use wasmparser::{Operator, Parser, Payload, Validator};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    size(module, content.len());
    module.extend(content);
}

fn size(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Functions that add their argument to itself in nested blocks.
fn module(functions: usize) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &[1, 0x60, 1, 0x7f, 1, 0x7f]);
    let mut types = Vec::new();
    size(&mut types, functions);
    types.extend(vec![0; functions]);
    section(&mut module, 3, &types);
    let mut code = Vec::new();
    size(&mut code, functions);
    for function in 0..functions {
        let depth = 1 + function % 6;
        let mut body = vec![0];
        body.extend([0x02, 0x7f].repeat(depth));
        body.extend([0x20, 0, 0x20, 0, 0x6a]);
        body.extend(vec![0x0b; depth + 1]);
        size(&mut code, body.len());
        code.extend(body);
    }
    section(&mut module, 10, &code);
    module
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: wasm FUNCTIONS")?.parse()?;
    let mut adds = 0;
    let mut failures = Vec::new();
    for number in 1..=count {
        step(number);
        let mut bytes = module(number as usize);
        step(number);
        for payload in Parser::new(0).parse_all(&bytes) {
            if let Payload::CodeSectionEntry(body) = payload? {
                step(number);
                for operator in body.get_operators_reader()? {
                    adds += usize::from(matches!(operator?, Operator::I32Add));
                }
            }
        }
        step(number);
        Validator::new().validate_all(&bytes)?;
        step(number);
        let end = bytes.len() - 3;
        bytes[end] = 0x6b;
        bytes.truncate(end + 1);
        failures.extend(Validator::new().validate_all(&bytes).err().map(|error| error.to_string()));
    }
    step(1 << 32);
    println!("{adds} additions, {} failures", failures.len());
    Ok(())
}
