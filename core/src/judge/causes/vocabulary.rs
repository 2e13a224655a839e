//! Wordings that several families share.

use super::rule::{
    Text,
    When::{self, Any, Has, Test, Word},
};

/// Nothing answered at the other end of a connection that AWS's own agents opened.
pub(super) const NO_ANSWER: When = Any(&[
    Has("connection issue between the task"),
    Has("check your task network configuration"),
    Has("check your network connection"),
    Has("check your network configuration"),
    Has("context deadl"),
    Has("requestcanceled"),
    Has("request canceled"),
    Has("request context cancel"),
    Has("i/o timeout"),
    Has("dial tcp"),
    Has("no such host"),
    Has("connection refused"),
    Has("connection timed out"),
    Has("client.timeout"),
    Has("network is unreachable"),
    Has("no route to host"),
    Has("tls handshake timeout"),
    Has("requesterror: send request failed"),
    Has("exceeded maximum number of attempts"),
    Has("signal: killed"),
    Has(": timeout"),
    Has("request timeout"),
]);

/// Somebody was not allowed to do something.
pub(super) const DENIED: When = Any(&[
    Has("accessdenied"),
    Has("access denied"),
    Has("not authorized to perform"),
    Has("unauthorizedoperation"),
    Has("forbidden"),
    Has("status code: 403"),
    Has("statuscode: 403"),
]);

/// What `docker inspect` keeps of a container's own health checks, each with its exit code and output. Programs write
/// these names in other letters.
fn kept_of_checks(text: &Text) -> bool {
    text.raw.split_once("\"ExitCode\":").is_some_and(|(_, after)| after.contains("\"Output\":"))
}

/// See [`kept_of_checks`].
pub(super) const KEPT_OF_CHECKS: When = Test(kept_of_checks);

/// Something was asked for too often.
pub(super) const TOO_OFTEN: When = Any(&[
    Has("toomanyrequests"),
    Has("too many requests"),
    Has("rate exceeded"),
    Has("throttl"),
    Has("requestlimitexceeded"),
    Word("slowdown"),
]);
