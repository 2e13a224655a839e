//! Directories and files that only their owner can read, and the locks on them.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use runner_core::plan::Fault;

/// How often a lock that another process holds is asked for: file locks cannot be awaited.
const RETRY: Duration = Duration::from_millis(25);

/// Makes the directory with its parents, readable by its owner only. One that is already there must be a real
/// directory of ours, and not below somebody else's, since we are about to execute what is in it.
pub(super) fn private_dir(path: &Path) -> Result<(), Fault> {
    let make = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let own = rustix::process::geteuid().as_raw();
        let found = path.symlink_metadata()?;
        if !found.is_dir() || found.uid() != own {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not a directory of this user"));
        }
        if let Some(parent) = path.parent()
            && ![own, 0].contains(&parent.metadata()?.uid())
        {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is in a directory of another user"));
        }
        if found.mode() & 0o077 != 0 {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))?;
        }
        Ok(())
    };
    make().map_err(|e| unusable("making the directory", path, &e))
}

/// Opens a file of ours for writing, readable by its owner only.
pub(super) fn private_file(path: &Path, truncate: bool) -> Result<File, Fault> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(truncate)
        .mode(0o600)
        .open(path)
        .map_err(|e| unusable("opening", path, &e))
}

/// Takes the lock for this process until the file is dropped; the kernel gives it back when the process dies, so
/// there is nothing to clean up after a kill. Calls `held` once where another process has it.
pub(super) async fn lock(path: &Path, held: impl Fn()) -> Result<File, Fault> {
    let file = private_file(path, false)?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    held();
                    told = true;
                }
                tokio::time::sleep(RETRY).await;
            }
            Err(TryLockError::Error(e)) => return Err(unusable("locking", path, &e)),
        }
    }
}

/// Whether some process holds the lock on this file. A file that is not there is held by nobody.
pub(super) fn is_held(path: &Path) -> Result<bool, Fault> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(unusable("opening", path, &e)),
    };
    // Shared, so that two who look at once do not see each other.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(unusable("locking", path, &e)),
    }
}

/// The fault of a path that cannot be used.
pub(super) fn unusable(doing: &str, path: &Path, error: &io::Error) -> Fault {
    Fault::new(format!("{doing} {} for the local AWS", path.display()), error.to_string())
        .with_hint("Make room and rights there, or point XDG_CACHE_HOME at a directory of yours that you may write to.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_become_private_and_links_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        private_dir(&dir).unwrap();
        assert_eq!(dir.metadata().unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o755)).unwrap();
        private_dir(&dir).unwrap();
        assert_eq!(dir.metadata().unwrap().mode() & 0o777, 0o700);
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        assert!(private_dir(&link).unwrap_err().headline().contains("not a directory of this user"));
        // Only root can give a directory away to see this.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(root.path().join("a"), Some(65534), None).unwrap();
            assert!(private_dir(&dir).unwrap_err().headline().contains("of another user"));
        }
    }

    #[tokio::test]
    async fn a_lock_is_seen_by_others_and_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        assert!(!is_held(&path).unwrap());
        let first = lock(&path, || panic!("nobody holds it")).await.unwrap();
        assert!(is_held(&path).unwrap());
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let (told, heard) = tokio::sync::oneshot::channel();
        let told = std::sync::Mutex::new(Some(told));
        let second = lock(&path, || told.lock().unwrap().take().unwrap().send(()).unwrap());
        let (second, ()) = tokio::join!(second, async {
            heard.await.unwrap();
            drop(first);
        });
        drop(second.unwrap());
        // A child that another test starts in this moment shares the file until it has become its program.
        let free = async {
            while is_held(&path).unwrap() {
                tokio::time::sleep(RETRY).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), free).await.expect("it is held by nobody");
    }
}
