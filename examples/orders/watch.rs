//! What the service answers to those that watch it. They are the team's, not the customers': serve them where only these can
//! reach them.

use alloc_probe::{PprofStart, pprof, pprof_since};
use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Deserialize;
use std::io;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// `GET /metrics`, `GET /debug/pprof/heap`, and `POST /debug/pprof/symbol`: `go tool pprof` asks there for the names that it
/// has not found itself, and gives up where nobody answers.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/debug/pprof/heap", get(heap))
        .route("/debug/pprof/symbol", post(|| async {}))
}

/// For Prometheus.
async fn metrics() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], alloc_probe::metrics())
}

#[derive(Deserialize)]
struct Window {
    seconds: Option<u64>,
}

/// For `go tool pprof`, Pyroscope and Parca: the profile so far or, with `?seconds=30`, of the next half a minute.
async fn heap(Query(window): Query<Window>) -> Result<impl IntoResponse, (StatusCode, String)> {
    let refused = |error: io::Error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string());
    let profile = profile(window.seconds).await.map_err(refused)?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], profile))
}

async fn profile(seconds: Option<u64>) -> io::Result<Vec<u8>> {
    // It takes a while, in which this thread has customers to serve.
    let Some(seconds) = seconds.filter(|seconds| *seconds > 0) else { return spawn_blocking(pprof).await? };
    let start = spawn_blocking(PprofStart::now).await??;
    sleep(Duration::from_secs(seconds.min(600))).await;
    spawn_blocking(move || pprof_since(&start)).await?
}
