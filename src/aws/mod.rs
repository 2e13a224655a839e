//! The AWS edge that every room shares: clients, credentials, the table of error codes, SSM, secrets' versions.

mod clients;
mod cloudcontrol;
mod codes;
mod counter;
mod ecr;
mod fault;
mod jitter;
mod raw;
mod secrets;
mod ssm;
mod web_identity;

pub use clients::{Clients, Setup};
pub use cloudcontrol::existing;
pub use codes::Code;
pub use counter::Calls;
pub use ecr::{add_tag, authorization, delete_images, image_digest, image_tags};
pub use fault::{code_of, fault};
pub use jitter::jitter;
pub use raw::Raw;
pub use secrets::{secret_value, secret_version};
pub use ssm::{delete_parameters, get_parameters, parameter_facts, parameters_under, put_parameter};
pub use web_identity::{Explain, Fetch, Fetching, Learn, WebIdentity};
