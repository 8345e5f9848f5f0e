//! What the service answers to those that watch it. They are the team's, not the customers': serve them where only these can
//! reach them.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

/// `GET /metrics`.
pub(crate) fn routes() -> Router {
    Router::new().route("/metrics", get(metrics))
}

/// For Prometheus.
async fn metrics() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], alloc_probe::metrics())
}
