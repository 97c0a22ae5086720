//! Running the command, and small ground truths to run it on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a run of the command left.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The one JSON document on standard output.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Runs `lpzero` with a cache folder of its own below `folder`.
pub fn lpzero(folder: &Path, arguments: &[&str]) -> Run {
    let output = command(folder).args(arguments).output().unwrap();
    finished(&output)
}

/// Runs `lpzero` and sends it SIGTERM as soon as `ready`.
pub fn interrupted(folder: &Path, line: &str, ready: impl Fn() -> bool) -> Run {
    let mut command = command(folder);
    command.args(line.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(60), "never ready");
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    finished(&child.wait_with_output().unwrap())
}

/// [`whole_command`], without pages of pictures: those take longer than most tests.
pub fn command(folder: &Path) -> Command {
    let mut command = whole_command(folder);
    command.arg("--no-page");
    command
}

/// The command, with its default cache below `folder` and no published data.
pub fn whole_command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lpzero"));
    command
        .env("XDG_CACHE_HOME", folder.join("default-cache"))
        .env("XDG_DATA_HOME", folder.join("default-data"))
        .env_remove("LPZERO_DATA")
        .env_remove("LPZERO_CACHE")
        .env_remove("LPZERO_SEED")
        .env_remove("LPZERO_THREADS")
        .env("NO_COLOR", "1");
    command
}

pub fn finished(output: &Output) -> Run {
    Run {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A published ground truth below the data folder, or `None` with a loud remark.
pub fn published(location: &str) -> Option<PathBuf> {
    let data = std::env::var_os("LPZERO_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let path = data.join(location);
    if path.exists() {
        return Some(path);
    }
    println!(
        "SKIPPED: no {} (set LPZERO_DATA to the folder that has it)",
        path.display()
    );
    None
}

/// Where each record of a journal's file starts, as far as there is one.
pub fn records(file: &Path) -> Vec<usize> {
    let bytes = std::fs::read(file).unwrap_or_default();
    let starts = bytes.windows(4).enumerate();
    let starts = starts.filter(|(_, window)| window == b"LPZB");
    starts.map(|(start, _)| start).collect()
}

/// Whether so many seconds have passed since now: to interrupt what has begun by then.
pub fn after(seconds: f64) -> impl Fn() -> bool {
    let start = Instant::now();
    move || start.elapsed().as_secs_f64() > seconds
}

/// A run of a line of arguments, separated by spaces.
pub fn line(folder: &Path, line: &str) -> Run {
    lpzero(folder, &line.split_whitespace().collect::<Vec<_>>())
}

/// Runs a line of arguments under a shell that does `before` first, such as `ulimit -f 8`.
#[cfg(unix)]
pub fn under(folder: &Path, before: &str, line: &str) -> Run {
    let program = command(folder);
    let mut shell = Command::new("bash");
    let (names, values): (Vec<_>, Vec<_>) = program.get_envs().unzip();
    for (name, value) in names.into_iter().zip(values) {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.arg("-c").arg(format!("{before}\nexec \"$0\" \"$@\""));
    shell
        .arg(program.get_program())
        .args(program.get_args())
        .args(line.split_whitespace());
    finished(&shell.output().unwrap())
}

/// A small disk of its own, which is taken away in the end.
pub struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// A disk of so many bytes, or `None` with a loud remark where none can be mounted.
    pub fn of(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self { folder };
        match disk.mount(&format!("size={bytes}")) {
            true => Some(disk),
            false => {
                println!("SKIPPED: no small disk can be mounted here, which takes root on Linux");
                None
            }
        }
    }

    /// Makes it so large.
    pub fn grow(&self, bytes: u64) {
        assert!(self.mount(&format!("remount,size={bytes}")));
    }

    fn mount(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let output = mount.arg(self.path()).output();
        output.is_ok_and(|output| output.status.success())
    }

    /// Folder that it is mounted on.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it up; returns the file that takes the room.
    pub fn fill(&self) -> PathBuf {
        let filler = self.path().join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        let zeros = [0; 4096];
        while std::io::Write::write_all(&mut file, &zeros).is_ok() {}
        filler
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        let unmounted = unmounted.is_ok_and(|status| status.success());
        // A second panic would end all tests.
        assert!(unmounted || std::thread::panicking());
    }
}
