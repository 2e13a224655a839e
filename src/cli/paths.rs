//! Files beneath a folder: what the workflow file names is read there and nowhere else.

use std::{
    fs,
    io::Read,
    path::{Component, Path, PathBuf},
};

/// The folder that paths in the workflow file are relative to.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The folder.
    pub root: PathBuf,
}

impl Workspace {
    /// A file beneath the folder, of at most a little more than 1 MiB; a link that leads out of it is refused.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let relative = Path::new(path);
        if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err("it leads out of the repository".to_owned());
        }
        let words = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => error.to_string(),
        };
        let root = fs::canonicalize(&self.root).map_err(words)?;
        let whole = fs::canonicalize(root.join(relative)).map_err(words)?;
        if !whole.starts_with(&root) {
            return Err("it leads out of the repository".to_owned());
        }
        if !whole.is_file() {
            return Err("it is no file".to_owned());
        }
        read_some(&whole).map_err(words)
    }
}

/// A file's first bytes: one more than a workflow file, template or definition may have.
pub fn read_some(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(1024 * 1024 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("repository");
        fs::create_dir_all(root.join("infra")).unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        fs::write(root.join("infra/redis.yml"), "r").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), root.join("link")).unwrap();
        let workspace = Workspace { root };
        assert_eq!(workspace.read("./infra/redis.yml").unwrap(), b"r");
        for outside in ["../secret", "link", "/etc/hostname", "infra/../../secret"] {
            assert_eq!(workspace.read(outside).unwrap_err(), "it leads out of the repository", "{outside}");
        }
        assert_eq!(workspace.read("infra").unwrap_err(), "it is no file");
        assert_eq!(workspace.read("none").unwrap_err(), "there is no such file");
    }
}
