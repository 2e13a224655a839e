//! The commit that is checked out: of the GitHub job, or read from `.git`. No process is started.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::settings::{SHA, variable};

/// The commit, where there is one.
pub fn find(root: &Path) -> Option<String> {
    variable(SHA).filter(|sha| is_commit(sha)).or_else(|| root.ancestors().find_map(git_dir).and_then(|dir| head(&dir)))
}

/// `.git` in this folder: a directory, or the file of a worktree or submodule that names one.
fn git_dir(folder: &Path) -> Option<PathBuf> {
    let path = folder.join(".git");
    if path.is_dir() {
        return Some(path);
    }
    let text = fs::read_to_string(&path).ok()?;
    let named = text.lines().next()?.strip_prefix("gitdir:")?.trim();
    Some(folder.join(named))
}

fn head(dir: &Path) -> Option<String> {
    let text = fs::read_to_string(dir.join("HEAD")).ok()?;
    let text = text.trim();
    let Some(name) = text.strip_prefix("ref:").map(str::trim) else {
        return is_commit(text).then(|| text.to_owned());
    };
    if !name.starts_with("refs/") || name.split('/').any(|part| part == "..") {
        return None;
    }
    // A worktree keeps its HEAD to itself and shares the branches.
    let common = fs::read_to_string(dir.join("commondir")).ok().map(|common| dir.join(common.trim()));
    [Some(dir.to_owned()), common].into_iter().flatten().find_map(|dir| branch(&dir, name))
}

fn branch(dir: &Path, name: &str) -> Option<String> {
    let loose = fs::read_to_string(dir.join(name)).ok().map(|text| text.trim().to_owned());
    loose.filter(|sha| is_commit(sha)).or_else(|| {
        let packed = fs::read_to_string(dir.join("packed-refs")).ok()?;
        let found = packed.lines().find_map(|line| line.split_once(' ').filter(|(_, packed)| *packed == name));
        found.map(|(sha, _)| sha.to_owned()).filter(|sha| is_commit(sha))
    })
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    #[test]
    fn loose_packed_detached_and_worktrees_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join(".git");
        let read = || git_dir(dir.path()).and_then(|dir| head(&dir));
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(read(), None);
        fs::write(git.join("packed-refs"), format!("# pack-refs with: peeled\n{ONE} refs/heads/main\n")).unwrap();
        assert_eq!(read().as_deref(), Some(ONE));
        fs::write(git.join("refs/heads/main"), format!("{TWO}\n")).unwrap();
        assert_eq!(read().as_deref(), Some(TWO));
        let own = git.join("worktrees/other");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        let other = dir.path().join("other");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
        assert_eq!(git_dir(&other).and_then(|dir| head(&dir)).as_deref(), Some(TWO));
        fs::write(git.join("HEAD"), ONE).unwrap();
        assert_eq!(read().as_deref(), Some(ONE));
        fs::write(git.join("HEAD"), "ref: ../../etc/passwd").unwrap();
        assert_eq!(read(), None);
    }
}
