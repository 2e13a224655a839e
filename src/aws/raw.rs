//! ECS and autoscaling calls with the API's own JSON as body and answer.
//!
//! Requests are rendered by the core in the shape that the API documents, and so can be golden-tested, carry every
//! field of a task definition of the user's own, and need no field-by-field copying into builders and back. The
//! SDK still signs, retries, times out and reads errors.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut},
            dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use serde_json::Value as Json;

/// Sends a JSON body instead of the builder's, and keeps the answer's.
#[derive(Debug, Clone)]
pub struct Raw {
    body: String,
    answer: Arc<Mutex<Json>>,
}

impl Raw {
    /// With this body.
    pub fn new(body: &Json) -> Self {
        Self { body: body.to_string(), answer: Arc::default() }
    }

    /// The answer's JSON; null before there is one.
    pub fn answer(&self) -> Json {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Raw {
    fn name(&self) -> &'static str {
        "Raw"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.body.clone());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes()
            && let Ok(json) = serde_json::from_slice(bytes)
        {
            *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = json;
        }
        Ok(())
    }
}
