//! Temporary files: nobody else's to read, gone when we are.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A file of 0600 without a name, so that nothing stays behind however the process ends.
pub(crate) fn file() -> io::Result<File> {
    let file = tempfile::tempfile_in(place())?;
    // Without a name it can still be opened through /proc, and is made with what the umask leaves.
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// A directory of 0700 for what another process must find by name; removed when dropped.
pub(crate) fn directory() -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("runner-").permissions(Permissions::from_mode(0o700)).tempdir_in(place())
}

/// In a job, the directory that is emptied after it.
fn place() -> PathBuf {
    std::env::var_os("RUNNER_TEMP").filter(|dir| !dir.is_empty()).map_or_else(std::env::temp_dir, PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{directory, file};

    #[test]
    fn nobody_else_can_read_them_and_nothing_stays() {
        let file = file().unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let directory = directory().unwrap();
        assert_eq!(directory.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let path = directory.path().to_owned();
        drop(directory);
        assert!(!path.exists());
    }
}
