//! The load: a few customers at once, each with one connection, and a fixed list of requests.

use crate::cache::PRODUCTS;
use crate::handlers::{Line, Order};
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

/// Connections at a time.
const CLIENTS: u64 = 8;

/// Makes the requests of these numbers in parallel, and returns how many succeeded.
///
/// # Errors
///
/// If the service can't be reached, breaks the protocol, or refuses a request.
pub(crate) async fn run(service: SocketAddr, numbers: Range<u64>) -> Result<u64> {
    let clients = (0..CLIENTS)
        .map(|client| {
            let numbers = numbers.clone().skip(client as usize).step_by(CLIENTS as usize);
            tokio::spawn(customer(service, numbers))
        })
        .collect::<Vec<_>>();
    let mut served = 0;
    for client in clients {
        served += client.await??;
    }
    Ok(served)
}

/// One customer: one connection, one request after the other.
async fn customer(service: SocketAddr, numbers: impl Iterator<Item = u64>) -> Result<u64> {
    let stream = TcpStream::connect(service).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufStream::new(stream);
    let mut served = 0;
    for number in numbers {
        stream.write_all(&request(number)).await?;
        stream.flush().await?;
        answer(&mut stream).await?;
        served += 1;
    }
    Ok(served)
}

/// The request of a number: most place an order, every tenth looks at its customer's last one, and the very
/// first exports the catalogue, many times over.
fn request(number: u64) -> Vec<u8> {
    if number == 0 {
        return b"GET /export/200 HTTP/1.1\r\nhost: orders\r\n\r\n".to_vec();
    }
    if number % 10 == 9 && number > CLIENTS {
        return format!("GET /orders/{} HTTP/1.1\r\nhost: orders\r\n\r\n", number - CLIENTS).into_bytes();
    }
    let product =
        |line: u64| u32::try_from((number * 31 + line * 17) % u64::from(PRODUCTS)).unwrap_or_default();
    let lines = (0..1 + number % 12).map(|line| Line { product: product(line), quantity: 1 + line % 3 });
    let order = Order { customer: number % 97, lines: lines.collect() };
    let body = serde_json::to_string(&order).unwrap_or_default();
    let length = body.len();
    format!(
        "POST /orders/{number} HTTP/1.1\r\nhost: orders\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Reads one answer to its end.
async fn answer(stream: &mut BufStream<TcpStream>) -> Result<()> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    if !line.starts_with("HTTP/1.1 200") {
        return Err(Error::new(
            ErrorKind::InvalidData,
            format!("the service answered `{}`", line.trim_end()),
        ));
    }
    let mut length = 0;
    while line.trim_end() != "" {
        line.clear();
        stream.read_line(&mut line).await?;
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(())
}
