//! The routes of the service and what they answer.

use crate::cache::Shop;
use alloc_probe::{InOperation as _, operation_failed};
use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a customer asks for.
#[derive(Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) customer: u64,
    pub(crate) lines: Vec<Line>,
}

/// So many of one product.
#[derive(Deserialize, Serialize)]
pub(crate) struct Line {
    pub(crate) product: u32,
    pub(crate) quantity: u64,
}

/// What a customer gets.
#[derive(Deserialize, Serialize)]
pub(crate) struct Receipt {
    pub(crate) number: u64,
    pub(crate) cents: u64,
    pub(crate) text: String,
}

/// The service: `POST /orders/{number}`, `GET /orders/{number}`, `GET /export/{copies}`.
pub(crate) fn routes(shop: &'static Shop) -> Router {
    Router::new()
        .route("/orders/{number}", post(place_order).get(recent_order))
        .route("/export/{copies}", get(export))
        .layer(middleware::from_fn(by_name))
        .with_state(shop)
}

/// Makes each request an operation, so that a profile says which kind takes the time and holds the memory.
async fn by_name(request: Request, next: Next) -> Response {
    let name = match (request.method(), request.uri().path().starts_with("/export/")) {
        (_, true) => "export",
        (&Method::POST, _) => "place_order",
        _ => "recent_order",
    };
    let answer = async {
        let response = next.run(request).await;
        if !response.status().is_success() {
            operation_failed();
        }
        response
    };
    answer.in_operation(name).await
}

async fn place_order(
    State(shop): State<&'static Shop>,
    Path(number): Path<u64>,
    Json(order): Json<Order>,
) -> Result<Response, StatusCode> {
    let receipt = Arc::new(price_order(shop, number, &order).ok_or(StatusCode::UNPROCESSABLE_ENTITY)?);
    shop.audit.record(number, &order);
    shop.recent.insert(Arc::clone(&receipt));
    Ok(Json(&*receipt).into_response())
}

async fn recent_order(
    State(shop): State<&'static Shop>,
    Path(number): Path<u64>,
) -> Result<Response, StatusCode> {
    let receipt = shop.recent.get(number).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(&*receipt).into_response())
}

async fn export(State(shop): State<&'static Shop>, Path(copies): Path<usize>) -> String {
    shop.export.render(&shop.catalogue, copies.min(1_000)).to_string()
}

/// SURPRISE, temporaries in the hot path: each line clones its product, copies the name in lower case only to look
/// for a word in it, and formats a text that is soon joined with the others and dropped. `None` if a product isn't
/// on sale.
fn price_order(shop: &Shop, number: u64, order: &Order) -> Option<Receipt> {
    let mut texts = Vec::with_capacity(order.lines.len());
    let mut cents = 0;
    for line in &order.lines {
        let product = shop.catalogue.get(&line.product)?.clone();
        let boxed = product.name.to_lowercase().contains("box");
        let packing = if boxed { "" } else { ", wrapped" };
        texts.push(format!("{} x {}{packing} at {} cents", line.quantity, product.name, product.cents));
        cents += line.quantity * product.cents;
    }
    Some(Receipt { number, cents, text: texts.join("; ") })
}
