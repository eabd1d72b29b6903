//! The API described in OpenAPI 3.1, generated from the handlers and their types. `functions/api/openapi.json` is the
//! description as committed; a test keeps it and the code together.

mod bodies;
mod errors;

pub use bodies::*;
pub use errors::*;

use crate::{account, batch, detect, keys, operator, reviews, scans, sign_in, uploads, usage, webhooks};
use axum::Json;
use scan::ErrorCode;
use std::sync::LazyLock;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// TruthLens tells whether a text or an image was made by AI.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "TruthLens",
        description = "Tells whether a text or an image was made by AI.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        detect::detect,
        batch::batch,
        detect::legacy,
        uploads::create,
        scans::list,
        scans::get,
        scans::erase,
        reviews::record,
        reviews::trail,
        usage::get,
        account::get,
        account::set_moderation,
        keys::list,
        keys::create,
        keys::revoke,
        webhooks::list,
        webhooks::create,
        webhooks::remove,
        webhooks::rotate,
        sign_in::get,
        operator::account,
        operator::usage,
        operator::set_plan,
        scans::health,
    ),
    components(schemas(ErrorBody, ErrorDetail, ErrorCode)),
    modifiers(&Bearer),
    security(("api_key" = [])),
)]
pub struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        for (name, description) in [
            ("api_key", "An API key, `tl_live_…`, or the access token of a sign-in."),
            ("sign_in", "The access token of a sign-in; see `GET /v1/sign-in`."),
            ("operator", "A token of the sign-in service with the operator scope."),
        ] {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

static DESCRIPTION: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Description::openapi);

/// `GET /openapi.json`
pub async fn json() -> Json<&'static utoipa::openapi::OpenApi> {
    Json(&DESCRIPTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_description_is_that_of_the_code() {
        let committed = include_str!("../../openapi.json");
        let code = Description::openapi().to_pretty_json().unwrap() + "\n";
        assert!(committed == code, "functions/api/openapi.json is out of date: run `make openapi` and commit it");
    }

    #[test]
    fn every_path_that_is_routed_is_described() {
        let paths: Vec<String> = Description::openapi().paths.paths.into_keys().collect();
        let routed = [
            "/api/detect",
            "/healthz",
            "/v1/account",
            "/v1/account/moderation",
            "/v1/detect",
            "/v1/detect/batch",
            "/v1/keys",
            "/v1/keys/{id}",
            "/v1/operator/accounts/{id}",
            "/v1/operator/accounts/{id}/plan",
            "/v1/operator/accounts/{id}/usage",
            "/v1/scans",
            "/v1/scans/{id}",
            "/v1/scans/{id}/audit",
            "/v1/scans/{id}/review",
            "/v1/sign-in",
            "/v1/uploads",
            "/v1/usage",
            "/v1/webhooks",
            "/v1/webhooks/{id}",
            "/v1/webhooks/{id}/rotate",
        ];
        assert_eq!(paths, routed);
    }
}
