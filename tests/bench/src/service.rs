//! A small service: each request has it look a page of orders up and answer it as JSON, which takes forty blocks, those of
//! the server included.

use axum::Json;
use axum::extract::Path;
use axum::routing::get;
use serde::Serialize;
use std::io::Write as _;

#[derive(Serialize)]
struct Order {
    id: String,
    customer: String,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    article: String,
    cents: u64,
}

/// How many orders are on a page.
const ORDERS: u64 = 3;

/// A page of orders, none of which was made before.
async fn page(Path(page): Path<u64>) -> Json<Vec<Order>> {
    Json((0..ORDERS).map(|row| order(page * ORDERS + row)).collect())
}

fn order(number: u64) -> Order {
    Order {
        id: format!("order-{number:08}"),
        customer: format!("customer-{}", number % 1000),
        lines: (0..2)
            .map(|line| Line { article: article(number + line), cents: number * 7 % 10_000 })
            .collect(),
    }
}

fn article(number: u64) -> String {
    let mut name = String::with_capacity(24);
    name.push_str("article ");
    name.push_str(&number.to_string());
    name
}

/// Serves until the process is ended, on two threads and a port that it prints. `blocks` is how many blocks were allocated so
/// far, which `/blocks` tells.
///
/// # Panics
///
/// Where there is no port.
pub fn main(blocks: fn() -> u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("threads").block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("it is bound").port());
        std::io::stdout().flush().expect("it can be written to");
        let tell = move || async move { blocks().to_string() };
        let router = axum::Router::new().route("/orders/{page}", get(page)).route("/blocks", get(tell));
        axum::serve(listener, router).await.expect("it serves");
    });
}
