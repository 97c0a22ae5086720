//! `lpzero slurm`: the shares of a command as a job array, and a job that puts them together.

use std::ffi::OsString;
use std::io::Write;

use anyhow::Result;
use clap::Parser;

use super::arguments::{Arguments, Command, Slurm, TruthAction};
use super::failure::{Failure, INTERRUPTED};
use super::plain::stdout;

/// Prints a script for `sh`.
pub fn run(arguments: &Slurm) -> Result<()> {
    let (command, folder) = shared(&arguments.command)?;
    let program = std::env::current_exe().map_or_else(
        |_| "lpzero".to_owned(),
        |path| path.to_string_lossy().into_owned(),
    );
    let words = |words: &[&str]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>();
    let typed: Vec<&str> = arguments.command.iter().map(String::as_str).collect();
    let share = words(&[&[&program[..]], &typed[..]].concat()).join(" ");
    let mut merge = vec![&program[..]];
    merge.extend(command.split(' '));
    merge.extend(["--resume", &folder]);
    let merge = words(&merge).join(" ");
    let options: String = (arguments.sbatch.iter())
        .map(|option| format!("#SBATCH {option}\n"))
        .collect();
    let Slurm { shards, cpus, .. } = arguments;
    let log = quoted(&format!("{folder}.%A_%a.log"));
    let merge_log = quoted(&format!("{folder}.%j.log"));
    // A task that is told to end records what it has, and asks for another turn. A task that is
    // killed is given one by --requeue. Both go on where the journal stops. The merge does not
    // ask whether all ended well: of a task that was killed Slurm would never believe it, and
    // what is missing in the end the merge does itself.
    write!(
        stdout(),
        r#"#!/bin/sh
# {shards} tasks, each a share of the work, and a job that puts them together when all are done.
# Run it by sh where sbatch is.
set -eu
array=$(sbatch --parsable <<'JOB'
#!/bin/sh
#SBATCH --job-name=lpzero
#SBATCH --array=1-{shards}
#SBATCH --cpus-per-task={cpus}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
#SBATCH --output={log}
{options}{share} --threads {cpus} --shard auto &
child=$!
trap 'kill -TERM $child' TERM
# A signal ends a wait before the child has ended.
while :; do
  wait $child
  status=$?
  kill -0 $child 2>/dev/null || break
done
[ $status -ne {INTERRUPTED} ] || scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
exit $status
JOB
)
array=${{array%%;*}}
sbatch --dependency=afterany:$array --export=ALL,LPZERO_ARRAY=$array <<'JOB'
#!/bin/sh
#SBATCH --job-name=lpzero-merge
#SBATCH --cpus-per-task={cpus}
#SBATCH --output={merge_log}
{options}# A task that was killed has ended once, and has another turn.
while [ -n "$(squeue --noheader --jobs "$LPZERO_ARRAY" 2>/dev/null)" ]; do sleep 10; done
exec {merge} --threads {cpus}
JOB
echo "lpzero status {folder} says how far they are"
"#
    )?;
    Ok(())
}

/// Name of the command that is cut into shares, and its folder.
fn shared(words: &[String]) -> Result<(&'static str, String)> {
    let expected = "expected score, search --method exhaustive, ablate, or truth build, with \
                    --out DIR";
    let wrong =
        |what: &str| Failure::typed(format_args!("{}: {what}; {expected}", words.join(" ")));
    let typed = ["lpzero".to_owned()].into_iter().chain(words.to_owned());
    let typed = typed.chain(["--shard".to_owned(), "1/1".to_owned()]);
    let parsed = Arguments::try_parse_from(typed.map(OsString::from));
    let parsed = parsed.map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        wrong(first.trim_start_matches("error: "))
    })?;
    let (command, folder) = match parsed.command {
        Command::Score(score) => ("score", score.out),
        Command::Search(search) => ("search", search.out),
        Command::Ablate(ablate) => ("ablate", ablate.out),
        Command::Truth(truth) => match truth.action {
            Some(TruthAction::Build(build)) => ("truth build", build.out),
            _ => return Err(wrong("has no shares")),
        },
        _ => return Err(wrong("has no shares")),
    };
    let folder = folder.ok_or_else(|| wrong("has no folder"))?;
    match folder.to_str() {
        Some(folder) => Ok((command, folder.to_owned())),
        None => Err(wrong("its folder is not named in UTF-8")),
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_command_has_shares_and_a_folder() {
        let of = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            shared(&words).map_err(|error| error.to_string())
        };
        assert_eq!(
            of("truth build --out big").unwrap(),
            ("truth build", "big".to_owned())
        );
        assert_eq!(
            of("score a.json --out s").unwrap(),
            ("score", "s".to_owned())
        );
        for line in [
            "rank --truth tiny",
            "score a.json",
            "truth list",
            "scor",
            "nas --out n",
        ] {
            let refused = of(line).unwrap_err();
            assert!(refused.contains("expected score, search"), "{refused}");
        }
    }

    #[test]
    fn a_shell_reads_a_word_as_it_is() {
        assert_eq!(quoted("a/b.json"), "a/b.json");
        assert_eq!(quoted("sum(W) it's"), r"'sum(W) it'\''s'");
    }
}
