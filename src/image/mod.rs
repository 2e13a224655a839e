//! Images: built, read from OCI layouts and docker archives, and pushed to a registry.
//!
//! - [`content_tag()`]: the tag of a build, from everything that goes into it
//! - [`Docker`]: builds, as a process
//! - [`Image`]: an image read in place, without an engine
//! - [`stand_in()`]: the image that takes an app's place in a sandbox
//! - [`push()`]: brings an image into a [`Registry`]

mod archive;
mod builder;
mod compress;
mod content_tag;
mod digest;
mod ignore;
mod layout;
mod manifest;
mod platform;
mod push;
mod registry;
mod scratch;
mod source;
mod stand_in;
mod tar_index;

pub use builder::{Build, Docker};
pub use compress::Compression;
pub use content_tag::{Inputs, content_tag};
pub use digest::Digest;
pub use platform::Platform;
pub use push::{Destination, Progress, Pushed, push};
pub use registry::{Backoff, Exponential, Origin, Registry, Repository};
pub use source::Image;
pub use stand_in::{StandIn, stand_in};
