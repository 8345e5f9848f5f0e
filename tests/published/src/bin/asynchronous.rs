//! Tasks of an executor that send each other messages. `asynchronous MESSAGES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use async_executor::LocalExecutor;
use futures_lite::{StreamExt, future, stream};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

async fn produce(
    count: u64,
    lines: async_channel::Sender<String>,
) -> Result<(), async_channel::SendError<String>> {
    for number in 0..count {
        step(number + 1);
        lines.send(format!("line {number} of {count}: {}", "word ".repeat(number as usize % 9))).await?;
        step(1 << 32);
    }
    Ok(())
}

async fn shorten(lines: async_channel::Receiver<String>, short: async_channel::Sender<Box<str>>) {
    while let Ok(line) = lines.recv().await {
        step(2 << 32);
        let words: Vec<&str> = line.split(' ').filter(|word| word.len() > 2).collect();
        if short.send(words.join("-").into_boxed_str()).await.is_err() {
            return;
        }
        step(3 << 32);
    }
}

async fn collect(short: async_channel::Receiver<Box<str>>) -> Vec<Box<str>> {
    let mut kept = Vec::new();
    while let Ok(text) = short.recv().await {
        step(4 << 32);
        kept.push(text);
    }
    kept
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: asynchronous MESSAGES")?.parse()?;
    let executor = LocalExecutor::new();
    let (lines, receiver) = async_channel::bounded(4);
    let (short, kept) = async_channel::bounded(2);
    let (kept, numbers) = future::block_on(executor.run(async {
        let producing = executor.spawn(produce(count, lines));
        executor.spawn(shorten(receiver, short)).detach();
        let kept = executor.spawn(collect(kept)).await;
        producing.await?;
        step(5 << 32);
        let numbers: Vec<String> =
            stream::iter(0..count).filter(|n| n % 3 == 0).map(|n| n.to_string()).collect().await;
        Ok::<_, async_channel::SendError<String>>((kept, numbers))
    }))?;
    step(6 << 32);
    println!("{} texts, {} numbers", kept.len(), numbers.len());
    Ok(())
}
