//! What the runner does: the edges around `runner-core`.
//!
//! The floors, each importing only from those below it in this list:
//!
//! - [`cli`]: clap, one file a command; the terminal. It and `main` alone print.
//! - [`run`]: the driver: reads the `World`, plans, executes the DAG, keeps the journal
//! - [`stacks`]: CloudFormation: reads and acts
//! - [`deploy`]: ECS, ELBv2, scaling, logs, the HTTP probe
//! - [`image`]: builds, reads (OCI layout, docker archive) and pushes images
//! - [`github`]: the job's context, OIDC tokens, the comment, summary and outputs; it alone names octocrab
//! - [`sandbox`]: the local AWS
//! - [`aws`]: clients, credentials, the table of error codes, SSM
//!
//! Only `stacks`, `deploy`, `image` and `aws` name an AWS SDK, only `github` octocrab.

pub mod aws;
pub mod cli;
pub mod deploy;
pub mod github;
pub mod image;
pub mod run;
pub mod sandbox;
pub mod stacks;
