//! The tag of a build: a name of everything that goes into it, so that an unchanged service is not built again.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use runner_core::plan::Fault;
use sha2::{Digest as _, Sha256};

use super::ignore::{Ignore, Verdict};
use super::{Digest, Platform};

/// Everything but the context's own files that makes one build differ from another.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// The directory that is sent to the builder.
    pub context: &'a Path,
    /// Relative to the context; Docker's default is `Dockerfile`.
    pub dockerfile: &'a Path,
    /// Build arguments; secrets are not among them, and do not count.
    pub args: &'a BTreeMap<String, String>,
    /// The stage to build.
    pub target: Option<&'a str>,
    /// What to build for.
    pub platform: &'a Platform,
}

/// `in-` and 16 hexadecimal digits of a SHA-256 over all of `inputs`: the files of the context that
/// `.dockerignore` leaves, with names, modes and link targets, the Dockerfile, arguments, target and platform.
/// Times and owners do not count: a fresh checkout must have the same tag. Reads each file once, in pieces, and
/// follows no link.
///
/// # Errors
/// A [`Fault`] where something in the context cannot be read.
pub fn content_tag(inputs: &Inputs<'_>) -> Result<String, Fault> {
    let doing = format!("reading the build context {}", inputs.context.display());
    let fault = |path: &Path, e: io::Error| Fault::new(&doing, format!("{}: {e}", path.display()));
    let root = fs::canonicalize(inputs.context).map_err(|e| fault(inputs.context, e))?;
    let dockerfile = root.join(inputs.dockerfile);

    let mut tag = Sum(Sha256::new_with_prefix(b"runner build 1\0"));
    tag.field(inputs.platform.to_string().as_bytes());
    tag.field(inputs.target.unwrap_or_default().as_bytes());
    tag.field(&(inputs.args.len() as u64).to_be_bytes());
    for (name, value) in inputs.args {
        tag.field(name.as_bytes());
        tag.field(value.as_bytes());
    }
    let (_, digest) = hash_file(&dockerfile).map_err(|e| {
        fault(&dockerfile, e).with_hint("`dockerfile` is relative to the context; give it if its name is another")
    })?;
    tag.field(digest.as_str().as_bytes());

    let rules = ignore_file(&root, &dockerfile).map_err(|(path, e)| fault(&path, e))?;
    let mut walk = Walk { rules: Ignore::parse(&rules), tag };
    walk.directory(&root, "", None).map_err(|(path, e)| fault(&path, e))?;
    Ok(tag_of(&Digest::from_hasher(walk.tag.0)))
}

/// The tag that stands for a digest.
pub(crate) fn tag_of(digest: &Digest) -> String {
    format!("in-{}", &digest.hex()[..16])
}

/// The rules beside the Dockerfile, if it has its own, else those of the context.
fn ignore_file(root: &Path, dockerfile: &Path) -> Result<String, (PathBuf, io::Error)> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), root.join(".dockerignore")] {
        match fs::read(&path) {
            Ok(bytes) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err((path, e)),
        }
    }
    Ok(String::new())
}

/// Fields with their lengths before them, so that no two lists of fields run together to the same bytes.
struct Sum(Sha256);

impl Sum {
    fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

struct Walk {
    rules: Ignore,
    tag: Sum,
}

impl Walk {
    fn directory(&mut self, dir: &Path, prefix: &str, above: Option<&Verdict>) -> Result<(), (PathBuf, io::Error)> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |e| (path, e)
        };
        let entries = fs::read_dir(dir).map_err(at(dir))?;
        let mut names = entries.map(|e| e.map(|e| e.file_name())).collect::<io::Result<Vec<_>>>().map_err(at(dir))?;
        names.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        for name in names {
            let path = dir.join(&name);
            let shown = match prefix {
                "" => name.to_string_lossy().into_owned(),
                prefix => format!("{prefix}/{}", name.to_string_lossy()),
            };
            let verdict = self.rules.judge(&shown, above);
            let found = fs::symlink_metadata(&path).map_err(at(&path))?;
            if !verdict.ignored {
                self.entry(&path, &shown, name.as_bytes(), &found).map_err(at(&path))?;
            }
            if found.is_dir() && (!verdict.ignored || self.rules.has_exceptions()) {
                self.directory(&path, &shown, Some(&verdict))?;
            }
        }
        Ok(())
    }

    /// Sockets, pipes and devices are not sent to a builder, and do not count.
    fn entry(&mut self, path: &Path, shown: &str, name: &[u8], found: &Metadata) -> io::Result<()> {
        let (kind, mode, content) = if found.is_symlink() {
            (b"link", 0, fs::read_link(path)?.as_os_str().as_bytes().to_vec())
        } else if found.is_dir() {
            (b"dir ", mode(found), Vec::new())
        } else if found.is_file() {
            let (opened, digest) = hash_file(path)?;
            if (opened.dev(), opened.ino()) != (found.dev(), found.ino()) {
                return Err(io::Error::other("it was replaced while it was being read"));
            }
            (b"file", mode(&opened), digest.as_str().as_bytes().to_vec())
        } else {
            return Ok(());
        };
        self.tag.field(kind);
        self.tag.field(shown.as_bytes());
        self.tag.field(name);
        self.tag.field(&mode.to_be_bytes());
        self.tag.field(&content);
        Ok(())
    }
}

fn mode(found: &Metadata) -> u32 {
    found.permissions().mode() & 0o7777
}

fn hash_file(path: &Path) -> io::Result<(Metadata, Digest)> {
    let mut file = File::open(path)?;
    let opened = file.metadata()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((opened, Digest::from_hasher(hasher))),
            n => hasher.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::{Inputs, content_tag};
    use crate::image::Platform;

    struct Case {
        dir: tempfile::TempDir,
        args: BTreeMap<String, String>,
        target: Option<&'static str>,
        platform: &'static str,
        dockerfile: &'static str,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let case =
                Self { dir, args: BTreeMap::new(), target: None, platform: "linux/amd64", dockerfile: "Dockerfile" };
            case.write("Dockerfile", "FROM scratch");
            case.write("src/main.rs", "fn main() {}");
            case.write("target/junk", "1");
            case.write(".dockerignore", "target");
            case
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.dir.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            fs::write(self.path(name), text).unwrap();
        }

        fn tag(&self) -> String {
            let platform = Platform::parse(self.platform).unwrap();
            content_tag(&Inputs {
                context: self.dir.path(),
                dockerfile: Path::new(self.dockerfile),
                args: &self.args,
                target: self.target,
                platform: &platform,
            })
            .unwrap()
        }
    }

    #[test]
    fn the_tag_has_its_form_and_does_not_depend_on_the_place_or_the_time() {
        let (one, other) = (Case::new(), Case::new());
        let tag = one.tag();
        assert_eq!(tag, other.tag());
        assert_eq!(tag.len(), 19);
        assert!(tag.strip_prefix("in-").unwrap().bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn what_the_builder_cannot_see_does_not_count() {
        let mut case = Case::new();
        let tag = case.tag();
        case.write("target/junk", "2");
        case.write("target/more/junk", "3");
        assert_eq!(case.tag(), tag);
        case.dockerfile = "docker/web";
        case.write("docker/web", "FROM scratch");
        case.write("docker/web.dockerignore", "target\ndocker\nsrc");
        let own = case.tag();
        case.write("src/main.rs", "changed");
        assert_eq!(case.tag(), own);
    }

    #[test]
    fn every_input_counts() {
        type Change = fn(&mut Case);
        let changes: [(&str, Change); 12] = [
            ("content", |c| c.write("src/main.rs", "fn main() { }")),
            ("name", |c| fs::rename(c.path("src/main.rs"), c.path("src/lib.rs")).unwrap()),
            ("empty directory", |c| fs::create_dir(c.path("empty")).unwrap()),
            ("mode", |c| {
                fs::set_permissions(c.path("src/main.rs"), fs::Permissions::from_mode(0o755)).unwrap();
            }),
            ("link", |c| symlink("/etc/passwd", c.path("link")).unwrap()),
            ("link's target", |c| symlink("/etc/group", c.path("link")).unwrap()),
            ("Dockerfile", |c| c.write("Dockerfile", "FROM scratch\n")),
            ("argument", |c| drop(c.args.insert("A".into(), "b".into()))),
            ("argument moved", |c| drop(c.args.insert("Ab".into(), String::new()))),
            ("target", |c| c.target = Some("web")),
            ("platform", |c| c.platform = "linux/arm64"),
            ("ignore rules", |c| c.write(".dockerignore", "target\n!target/junk")),
        ];
        let mut seen = BTreeMap::from([(Case::new().tag(), "nothing")]);
        for (what, change) in changes {
            let mut case = Case::new();
            change(&mut case);
            assert_eq!(seen.insert(case.tag(), what), None, "{what}");
        }
    }

    #[test]
    fn a_link_out_of_the_context_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let case = Case::new();
        symlink(outside.path(), case.path("outside")).unwrap();
        let tag = case.tag();
        fs::write(outside.path().join("secret"), "x").unwrap();
        assert_eq!(case.tag(), tag);
    }
}
