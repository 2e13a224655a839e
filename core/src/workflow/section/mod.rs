//! The language of the file: one declaration a section gives its type, its reader, its documentation, its defaults and
//! its part of the JSON Schema. Adding a key is one line in [`app`] or [`service`].

mod app;
mod arn;
mod explain;
mod leaf;
mod reader;
mod schema;
mod secret;
mod service;
mod shape;
mod word;

pub(super) use app::*;
pub(super) use arn::*;
pub use explain::explain;
pub(super) use leaf::*;
pub(super) use reader::{Field, Read, Reader, listed};
pub use schema::schema;
pub(super) use service::*;
pub(super) use shape::{Key, Section, Shape};
pub(super) use word::*;

/// Declares a section of the file.
///
/// A field of type `Option<T>` may be left out; one with `= "…"` has that default, written as in the file; any other
/// must be there. The first documentation line of a field is what `explain` and editors show first; a line that begins
/// with `Example:` is shown as such.
macro_rules! section {
    ($(#[doc = $doc:expr])+ $name:ident { $($(#[doc = $line:expr])+ $field:ident: $type:ty $(= $default:literal)?,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub(in crate::workflow) struct $name {
            $($(#[doc = $line])+ pub $field: $type,)+
        }

        impl $crate::workflow::section::Read for $name {
            fn read(
                node: &$crate::workflow::tree::Node,
                path: &str,
                reader: &mut $crate::workflow::section::Reader<'_>,
            ) -> Option<Self> {
                let names: &[&str] = &[$(stringify!($field)),+];
                reader.section(node, path, names)?;
                $(
                    #[allow(unused_mut, unused_assignments)]
                    let mut default: Option<&'static str> = None;
                    $(default = Some($default);)?
                    let $field = reader.field::<$type>(node, path, stringify!($field), default);
                )+
                Some(Self { $($field: $field?,)+ })
            }

            fn shape() -> $crate::workflow::section::Shape {
                use $crate::workflow::section::{Field, Key, Section, Shape};
                Shape::Section(Section {
                    name: stringify!($name),
                    doc: &[$($doc),+],
                    keys: vec![$({
                        #[allow(unused_mut, unused_assignments)]
                        let mut default: Option<&'static str> = None;
                        $(default = Some($default);)?
                        Key {
                            name: stringify!($field).replace('_', "-"),
                            doc: &[$($line),+],
                            need: <$type as Field>::need(default),
                            shape: <$type as Field>::value_shape(),
                        }
                    }),+],
                })
            }
        }
    };
}
use section;
