//! `orders`: a small HTTP service that takes orders, and the load that drives it; made to be profiled.
//!
//! It holds four surprises of real services, each in its own function, so that a profile names it:
//!
//! | surprise | where | what a profile shows |
//! |---|---|---|
//! | a batch frees its memory, and the allocator keeps it | [`batch::nightly_statements`] | most of the peak, nothing at the end, yet resident |
//! | a `Vec` grows once and keeps its capacity | [`cache::ExportBuffer::render`] | one large block that lives to the end |
//! | a slow leak | [`cache::AuditTrail::record`] | bytes at the end that grow with the requests |
//! | temporaries in a hot handler | `handlers::price_order` | blocks that are freed before the next allocation |
//!
//! `orders [REQUESTS]` serves that many requests, does the same work each time, and prints one line. `orders serve ADDRESS`
//! serves whoever asks until it is ended, and says [`watch`] how its memory is.

mod batch;
mod cache;
mod handlers;
mod load;
mod watch;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

alloc_probe::install!();

/// Requests served unless the command line says otherwise.
const DEFAULT_REQUESTS: u64 = 30_000;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    const USAGE: &str = "usage: orders [REQUESTS], or orders serve ADDRESS, such as 127.0.0.1:8080";
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .thread_name("orders-worker")
        .enable_all()
        .build()?;
    let requests = match arguments[..] {
        ["serve", address] => return runtime.block_on(serve(address.parse().map_err(|_| USAGE)?)),
        [number] => number.parse().map_err(|_| USAGE)?,
        [] => DEFAULT_REQUESTS,
        _ => return Err(USAGE.into()),
    };
    let started = Instant::now();
    let served = runtime.block_on(day(requests))?;
    println!("orders: served {served} requests in {:.2} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Serves customers, and those that watch.
async fn serve(address: SocketAddr) -> Result<(), Box<dyn Error + Send + Sync>> {
    let shop = &*Box::leak(Box::new(cache::Shop::open()));
    let listener = TcpListener::bind(address).await?;
    println!("orders: http://{0}/metrics and http://{0}/debug/pprof/heap", listener.local_addr()?);
    Ok(axum::serve(listener, handlers::routes(shop).merge(watch::routes())).await?)
}

/// One day of the shop: requests, the nightly batch, and requests again, so that a profile shows apart what the
/// batch leaves behind and what the service needs. Returns how many requests were answered.
async fn day(requests: u64) -> Result<u64, Box<dyn Error + Send + Sync>> {
    // The shop is open for as long as the process lives.
    let shop = &*Box::leak(Box::new(cache::Shop::open()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let (close, closed) = oneshot::channel::<()>();
    let service = axum::serve(listener, handlers::routes(shop)).with_graceful_shutdown(async {
        // An error means that `close` is gone, which is as good a reason to shut down.
        let _ = closed.await;
    });
    let server = tokio::spawn(service.into_future());

    let evening = requests / 2;
    let mut served = load::run(address, 0..evening).await?;
    tokio::task::spawn_blocking(|| batch::nightly_statements(shop)).await?;
    served += load::run(address, evening..requests).await?;

    drop(close);
    server.await??;
    Ok(served)
}
