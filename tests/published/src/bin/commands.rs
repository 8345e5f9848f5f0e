//! Parses command lines with clap, good ones and bad ones. `commands COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use clap::{Arg, ArgAction, Command, value_parser};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn command() -> Command {
    Command::new("tool")
        .about("A tool with some commands")
        .arg(Arg::new("verbose").short('v').long("verbose").action(ArgAction::Count).global(true))
        .subcommand(
            Command::new("copy")
                .about("Copies files")
                .arg(Arg::new("from").required(true).num_args(1..))
                .arg(Arg::new("to").long("to").short('t').required(true).help("Where they go")),
        )
        .subcommand(
            Command::new("list")
                .arg(Arg::new("depth").long("depth").value_parser(value_parser!(u32)).default_value("3"))
                .arg(Arg::new("sort").long("sort").value_parser(["name", "size", "time"])),
        )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: commands COUNT")?.parse()?;
    let lines = [
        "tool copy a b c --to d -vv",
        "tool list --depth 7 --sort size",
        "tool list --depth many",
        "tool lsit",
        "tool copy --to",
        "tool list --sort colour",
        "tool --help",
    ];
    let mut output = String::new();
    for number in 0..count {
        step(number);
        let command = command();
        step(number);
        match command.try_get_matches_from(lines[number as usize % lines.len()].split(' ')) {
            Ok(matches) => {
                step(number);
                output += matches.subcommand_name().unwrap_or("none");
            }
            Err(error) => {
                step(number);
                output += &error.render().to_string();
            }
        }
    }
    step(1 << 32);
    println!("{} letters", output.len());
    Ok(())
}
