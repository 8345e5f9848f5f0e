//! An asynchronous server of a store of texts and its clients, in one thread. `server REQUESTS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::rc::Rc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

/// Clients, each with a connection.
const CLIENTS: u64 = 5;

type Failure = Box<dyn Error>;

/// A question to the task that has the store.
enum Command {
    Set { key: String, value: String },
    Get { key: String, answer: oneshot::Sender<Option<String>> },
    List { prefix: String, answer: oneshot::Sender<Vec<String>> },
}

fn main() -> Result<(), Failure> {
    let requests: u64 = std::env::args().nth(1).ok_or("usage: server REQUESTS")?.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let seen = Rc::new(RefCell::new(BTreeMap::<String, u64>::new()));
    let local = LocalSet::new();
    local.spawn_local(serve(requests, Rc::clone(&seen)));
    runtime.block_on(local);
    step(1);
    println!("{} kinds of answers", seen.borrow().len());
    Ok(())
}

/// Starts everything, and waits for the clients.
async fn serve(requests: u64, seen: Rc<RefCell<BTreeMap<String, u64>>>) {
    let (commands, receiver) = mpsc::channel(8);
    let store = tokio::task::spawn_local(keep(receiver));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let (near, far) = duplex(256);
        let commands = commands.clone();
        tokio::task::spawn_local(async move {
            if let Err(error) = connection(far, commands).await {
                eprintln!("{error}");
            }
        });
        clients.push(tokio::task::spawn_local(ask(client, requests, near, Rc::clone(&seen))));
    }
    drop(commands);
    for client in clients {
        client.await.expect("no client panics").expect("no client fails");
    }
    println!("{} keys", store.await.expect("the store does not panic"));
}

/// The store.
async fn keep(mut commands: mpsc::Receiver<Command>) -> usize {
    let mut store = HashMap::<String, String>::new();
    let mut number = 2 << 32;
    while let Some(command) = commands.recv().await {
        number += 1;
        step(number);
        match command {
            Command::Set { key, value } => drop(store.insert(key, value)),
            Command::Get { key, answer } => drop(answer.send(store.get(&key).cloned())),
            Command::List { prefix, answer } => {
                let mut keys: Vec<String> =
                    store.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
                keys.sort();
                drop(answer.send(keys));
            }
        }
        step(1 << 32);
    }
    store.len()
}

/// A connection's side of the server.
async fn connection(stream: DuplexStream, commands: mpsc::Sender<Command>) -> Result<(), Failure> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        step(3 << 32);
        let reply = match parse(&line)? {
            Request::Set(key, value) => {
                commands.send(Command::Set { key, value }).await?;
                "done".to_owned()
            }
            Request::Get(key) => get(&commands, key).await?.unwrap_or_else(|| "nothing".to_owned()),
            Request::List(prefix) => {
                let (answer, answered) = oneshot::channel();
                commands.send(Command::List { prefix, answer }).await?;
                answered.await?.join(",")
            }
        };
        step(4 << 32);
        writer.write_all(format!("{reply}\n").as_bytes()).await?;
        step(5 << 32);
    }
    Ok(())
}

async fn get(commands: &mpsc::Sender<Command>, key: String) -> Result<Option<String>, Failure> {
    let (answer, answered) = oneshot::channel();
    commands.send(Command::Get { key, answer }).await?;
    Ok(answered.await?)
}

/// What a line asks for.
enum Request {
    Set(String, String),
    Get(String),
    List(String),
}

fn parse(line: &str) -> Result<Request, Failure> {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["set", key, value] => Ok(Request::Set(key.to_owned(), value.to_owned())),
        ["get", key] => Ok(Request::Get(key.to_owned())),
        ["list", prefix] => Ok(Request::List(prefix.to_owned())),
        _ => Err(format!("not a request: {line}").into()),
    }
}

/// A client.
async fn ask(
    client: u64,
    requests: u64,
    stream: DuplexStream,
    seen: Rc<RefCell<BTreeMap<String, u64>>>,
) -> Result<(), std::io::Error> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    for number in 0..requests {
        step(((6 + client) << 32) + number);
        let line = match number % 7 {
            0 | 1 | 4 => {
                format!("set key-{}-{} {}\n", client, number % 31, "value".repeat(number as usize % 40))
            }
            6 => format!("list key-{}-{}\n", number % CLIENTS, number % 3),
            _ => format!("get key-{}-{}\n", (client + number) % CLIENTS, number % 37),
        };
        step(((6 + client) << 32) + number);
        writer.write_all(line.as_bytes()).await?;
        step(((6 + client) << 32) + number);
        let reply = lines.next_line().await?.unwrap_or_default();
        *seen.borrow_mut().entry(reply).or_default() += 1;
    }
    Ok(())
}
