//! From an SDK's error to a `Fault`: `SdkError`'s own Display says no more than "service error".

use std::error::Error;

use aws_smithy_runtime_api::{
    client::{orchestrator::HttpResponse, result::SdkError},
    http::Headers,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use runner_core::plan::Fault;

use super::Code;

/// The service's own code, where a service answered.
pub fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    match error {
        SdkError::ServiceError(service) => service.err().code().map(str::to_owned),
        _ => None,
    }
}

/// The fault for an SDK's error while `doing` ("updating ECS service (api) in finance-app-staging").
pub fn fault<E>(doing: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let doing = doing.into();
    match error {
        SdkError::ServiceError(service) => {
            let response = service.raw();
            let code = service.err().code().map(str::to_owned);
            let message = match service.err().message() {
                Some(message) => message.to_owned(),
                None => body_text(response).unwrap_or_else(|| chain(service.err())),
            };
            let mut fault = Fault::new(doing, message);
            fault.hint = code.as_deref().and_then(Code::of).and_then(Code::hint).map(str::to_owned);
            fault.code = code.or_else(|| Some(format!("HTTP {}", response.status().as_u16())));
            fault.request_id = request_id(response.headers());
            fault
        }
        SdkError::TimeoutError(_) => Fault::new(doing, "no answer in time")
            .with_hint("check the network and run the same command again; it goes on where it was"),
        SdkError::DispatchFailure(failure) => {
            let text = failure.as_connector_error().map_or_else(|| "no connection".to_owned(), |error| chain(error));
            let hint = if text.contains("credential") || text.contains("identity") {
                "no AWS credentials were found: sign in, or set AWS_PROFILE; or add --sandbox for a local AWS"
            } else {
                "check the network and run the same command again; it goes on where it was"
            };
            Fault::new(doing, text).with_hint(hint)
        }
        SdkError::ConstructionFailure(_) | SdkError::ResponseError(_) => {
            let text = error.source().map_or_else(|| "the request failed".to_owned(), chain);
            let fault = Fault::new(doing, text.clone());
            if text.contains("credential") || text.contains("identity") {
                return fault.with_hint(
                    "no AWS credentials were found: sign in, or set AWS_PROFILE; or add --sandbox for a local AWS",
                );
            }
            fault
        }
        _ => Fault::new(doing, error.source().map_or_else(|| "the request failed".to_owned(), chain)),
    }
}

/// The texts of an error and its sources: the outermost is often the least telling.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let words = source.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = source.source();
    }
    text
}

fn request_id(headers: &Headers) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
        .iter()
        .find_map(|name| headers.get(*name))
        .map(str::to_owned)
}

/// The first kilobyte of a body that carries no code we could read.
fn body_text(response: &HttpResponse) -> Option<String> {
    let bytes = response.body().bytes()?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
