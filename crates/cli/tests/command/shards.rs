//! Shares of a run, done by several processes: together they are the run of one.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::{command, line};

/// A kind of run: how it begins, how it goes on, and the file of its result.
struct Kind {
    begin: &'static str,
    next: &'static str,
    result: &'static str,
    journal: &'static str,
}

const SCORE: Kind = Kind {
    begin: "score --truth tiny --up-to 60k --batch 1 --positions 8 --proxy snip --proxy lpzero",
    next: "score",
    result: "scores.json",
    journal: "scores",
};

const KINDS: [Kind; 4] = [
    SCORE,
    Kind {
        begin: "truth build --architectures 5 --seeds 2 --steps 2",
        next: "truth build",
        result: "truth.json",
        journal: "trainings",
    },
    Kind {
        begin: "search --truth tiny --up-to 60k --split 10/6 --method exhaustive --n-unary 1 \
                --aggregate mean --batch 1 --positions 8",
        next: "search",
        result: "report.json",
        journal: "journal",
    },
    Kind {
        begin: "ablate split --truth tiny --up-to 60k --split 8/4 --seeds 2 --budget 30 \
                --batch 1 --positions 8",
        next: "ablate",
        result: "report.json",
        journal: "journal",
    },
];

/// A result without what is measured: times, and the command line.
fn without_times(value: &mut Value) {
    const MEASURED: [&str; 5] = [
        "seconds",
        "training_seconds",
        "command",
        "machine",
        "provenance",
    ];
    match value {
        Value::Object(object) => {
            object.retain(|key, _| !MEASURED.contains(&&**key));
            object.values_mut().for_each(without_times);
        }
        Value::Array(values) => values.iter_mut().for_each(without_times),
        _ => {}
    }
}

impl Kind {
    /// The result in a folder.
    fn result(&self, run: &Path) -> Value {
        let text = fs::read_to_string(run.join(self.result)).unwrap();
        let mut value = serde_json::from_str(&text).unwrap();
        without_times(&mut value);
        value
    }

    /// The run in one process.
    fn whole(&self, folder: &Path) -> Value {
        let out = folder.join("whole");
        let run = line(folder, &format!("{} --out {}", self.begin, out.display()));
        assert_eq!(run.status, 0, "{}", run.stderr);
        self.result(&out)
    }

    fn share(&self, folder: &Path, out: &Path, share: &str) {
        let begin = format!("{} --out {} --shard {share}", self.begin, out.display());
        let run = line(folder, &begin);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stderr.contains("--resume"), "{}", run.stderr);
    }

    /// Puts shares together, and does what none has done.
    fn merged(&self, folder: &Path, out: &Path) -> Value {
        let run = line(folder, &format!("{} --resume {}", self.next, out.display()));
        assert_eq!(run.status, 0, "{}", run.stderr);
        self.result(out)
    }
}

#[test]
fn shares_in_any_order_some_twice_some_missing_are_the_whole_run() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let expected = kind.whole(folder.path());
        let cases = [
            ("one missing, one twice", &["3/3", "1/3", "3/3"][..]),
            ("of two cuts", &["1/3", "2/2"]),
            ("in order", &["1/3", "2/3", "3/3"]),
            ("backwards", &["3/3", "2/3", "1/3"]),
        ];
        // Searches take longest, and share their journal's code with the others.
        let cases = &cases[..if kind.journal == "journal" { 2 } else { 4 }];
        for &(name, shares) in cases {
            let out = folder.path().join(name.replace([' ', ','], "-"));
            for share in shares {
                kind.share(folder.path(), &out, share);
            }
            assert!(!out.join(kind.result).exists(), "{name}");
            let merged = kind.merged(folder.path(), &out);
            assert_eq!(merged, expected, "{}, {name}", kind.begin);
        }
    }
}

#[test]
fn writers_that_are_killed_at_any_time_leave_the_whole_run() {
    const KILLS: u64 = 20;
    let folder = tempfile::tempdir().unwrap();
    let expected = SCORE.whole(folder.path());
    let out = folder.path().join("killed");
    let begin = |share: &str| {
        let mut command = command(folder.path());
        command.args(SCORE.begin.split_whitespace());
        command
            .args(["--threads", "1", "--shard", share, "--out"])
            .arg(&out);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    // Two at once, again and again; whichever is killed, the other goes on.
    let mut recorded = 0;
    for kill in 0..KILLS {
        let (mut first, mut second) = (begin("1/2"), begin("2/2"));
        let victims = if kill % 2 == 0 {
            (&mut first, &mut second)
        } else {
            (&mut second, &mut first)
        };
        // A prime, so that no two are killed at the same time.
        std::thread::sleep(Duration::from_millis(5 + kill * 37 % 101));
        victims.0.kill().unwrap();
        victims.0.wait().unwrap();
        victims.1.kill().unwrap();
        victims.1.wait().unwrap();
        let status = line(folder.path(), &format!("status {} --json", out.display()));
        if status.status == 0 {
            let now = status.json()["recorded"].as_u64().unwrap();
            assert!(now >= recorded, "{now} after {recorded}");
            recorded = now;
        }
    }
    SCORE.share(folder.path(), &out, "2/2");
    assert_eq!(SCORE.merged(folder.path(), &out), expected);
}

/// A folder with one of three shares done.
fn begun(folder: &Path) -> PathBuf {
    let out = folder.join("run");
    SCORE.share(folder, &out, "1/3");
    out
}

#[test]
fn status_tells_what_is_done_and_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let out = begun(folder.path());
    let status = || line(folder.path(), &format!("status {} --json", out.display())).json();
    let first = status();
    assert_eq!(first["command"], "score");
    assert_eq!(first["finished"], false);
    let (recorded, all) = (&first["recorded"], first["all"].as_u64().unwrap());
    assert!(recorded.as_u64().unwrap() >= all / 3 && recorded.as_u64().unwrap() < all);
    assert_eq!(first["writers"][0]["name"], "shard-1-of-3");
    assert_eq!(first["writers"][0]["state"], "done");
    assert_eq!(&first["writers"][0]["recorded"], recorded);
    let text = line(folder.path(), &format!("status {}", out.display())).stdout;
    assert!(
        text.contains("not finished") && text.contains("shard-1-of-3"),
        "{text}"
    );
    SCORE.merged(folder.path(), &out);
    let last = status();
    assert_eq!(last["finished"], true);
    assert_eq!(last["recorded"], last["all"]);
    let nothing = line(folder.path(), "status .");
    assert_eq!(nothing.status, 2);
    assert!(
        nothing.stderr.contains("not the folder of a run"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn a_share_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = begun(folder.path());
    let out = out.display();
    let begin = SCORE.begin;
    for (typed, expected) in [
        (
            format!("{begin} --seed 7 --shard 2/3 --out {out}"),
            "seed differs",
        ),
        (format!("{begin} --out {out}"), "exists already"),
        (format!("{begin} --shard 2/3"), "--out DIR"),
        (format!("{begin} --shard 4/3 --out {out}"), "such as 3/8"),
        (
            format!("{begin} --shard auto --out {out}"),
            "SLURM_ARRAY_TASK_ID",
        ),
        (
            format!("search --truth tiny --method gp --shard 1/2 --out {out}-2"),
            "--method exhaustive",
        ),
    ] {
        let run = line(folder.path(), &typed);
        assert_eq!(run.status, 2, "{typed}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{typed}: {}", run.stderr);
    }
    // Refused before there is a folder.
    assert!(!folder.path().join("run-2").exists());
    // A journal of another run among those of this one.
    let journal = folder.path().join("run").join(SCORE.journal);
    let other = folder.path().join("other");
    let seeded = line(
        folder.path(),
        &format!("{begin} --seed 7 --shard 2/3 --out {}", other.display()),
    );
    assert_eq!(seeded.status, 0, "{}", seeded.stderr);
    let name = "shard-2-of-3";
    fs::copy(other.join(SCORE.journal).join(name), journal.join(name)).unwrap();
    let merged = line(folder.path(), &format!("score --resume {out}"));
    assert_eq!(merged.status, 2, "{}", merged.stderr);
    assert!(
        merged.stderr.contains("other networks, weights"),
        "{}",
        merged.stderr
    );
}

#[test]
fn a_task_of_an_array_does_its_share() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut task = command(folder.path());
    task.args(SCORE.begin.split_whitespace())
        .args(["--shard", "auto", "--out"])
        .arg(&out);
    task.env("SLURM_ARRAY_TASK_ID", "5");
    task.env("SLURM_ARRAY_TASK_MIN", "4")
        .env("SLURM_ARRAY_TASK_MAX", "6");
    assert!(task.output().unwrap().status.success());
    assert!(out.join(SCORE.journal).join("shard-2-of-3").exists());
}

#[test]
fn a_script_for_slurm_is_one_that_a_shell_reads() {
    let folder = tempfile::tempdir().unwrap();
    let script = line(
        folder.path(),
        "slurm --shards 4 --cpus 2 --sbatch=--time=01:00:00 -- truth build --out big",
    );
    assert_eq!(script.status, 0, "{}", script.stderr);
    for part in [
        "#SBATCH --array=1-4",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:TERM@60",
        "#SBATCH --time=01:00:00",
        "truth build --out big --threads 2 --shard auto",
        "--dependency=afterany:$array",
        "truth build --resume big",
    ] {
        assert!(script.stdout.contains(part), "{part}: {}", script.stdout);
    }
    let path = folder.path().join("job.sh");
    fs::write(&path, &script.stdout).unwrap();
    let read = std::process::Command::new("sh")
        .arg("-n")
        .arg(&path)
        .status();
    assert!(read.unwrap().success());
    let none = line(folder.path(), "slurm --shards 4 -- rank --truth tiny");
    assert_eq!(none.status, 2);
    assert!(
        none.stderr.contains("truth build, with --out DIR"),
        "{}",
        none.stderr
    );
}
