#!/usr/bin/env bash
# Runs the script of `lpzero slurm` on a real Slurm of one node with two processors: two tasks at
# once, one of them killed and given another turn, then the merge. The ground truth that they
# build must be that of one process.
#
#   tools/slurm.sh [COMMAND]      the command to test [default: target/release/lpzero]
#
# It takes root and Debian's packages slurm-wlm and munge, and says loudly where the daemons
# cannot start. Nothing outside a temporary folder is written.
set -euo pipefail
cd "$(dirname "$0")/.."
lpzero=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/lpzero}")
skip() { echo "SKIPPED: no Slurm can be started here: $*" >&2; exit 0; }
for program in slurmctld slurmd sbatch munged; do
  command -v "$program" > /dev/null || skip "$program is not installed (slurm-wlm, munge)"
done
[ "$(id -u)" = 0 ] || skip "it takes root"

place=$(mktemp -d)
chmod 755 "$place"
daemons=()
finish() {
  kill "${daemons[@]}" 2> /dev/null || true
  wait 2> /dev/null || true
  rm -rf "$place"
}
trap finish EXIT

mkdir -m 700 "$place/munge"
dd if=/dev/urandom of="$place/munge/key" bs=1024 count=1 status=none
chmod 400 "$place/munge/key"
mkdir -m 755 "$place/socket"
munged --foreground --force --key-file "$place/munge/key" --socket "$place/socket/munge" \
  --pid-file "$place/munge/pid" --log-file "$place/munge/log" --seed-file "$place/munge/seed" 2> "$place/munge/said" &
daemons+=($!)

node=$(hostname -s)
export SLURM_CONF=$place/slurm.conf
cat > "$SLURM_CONF" << CONF
ClusterName=lpzero
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
AuthInfo=socket=$place/socket/munge
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
MinJobAge=3600
KillWait=5
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
mkdir "$place/state" "$place/spool"
slurmctld -D -i > "$place/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -N "$node" > "$place/slurmd.log" 2>&1 &
daemons+=($!)
for _ in $(seq 60); do
  sinfo --noheader --format=%T 2> /dev/null | grep -qx idle && break
  sleep 0.5
done
sinfo --noheader --format=%T 2> /dev/null | grep -qx idle || {
  tail -n 5 "$place/slurmctld.log" "$place/slurmd.log" >&2
  skip "the node does not become idle"
}

cd "$place"
build=(truth build --architectures 12 --seeds 2 --steps 400)
"$lpzero" "${build[@]}" --out whole --quiet --json > /dev/null
"$lpzero" slurm --shards 2 --cpus 1 -- "${build[@]}" --out run > job.sh
said=$(sh job.sh)
echo "$said"
merge=$(sed -n 's/^Submitted batch job //p' <<< "$said")
array=$((merge - 1))

# Two at once, until both have recorded something.
for _ in $(seq 600); do
  running=$(squeue --noheader --states=RUNNING --jobs "$array" 2> /dev/null | wc -l)
  recorded=$({ find run -path '*trainings/shard-*' -size +1k 2> /dev/null || true; } | wc -l)
  [ "$running" = 2 ] && [ "$recorded" = 2 ] && break
  sleep 0.1
done
[ "$running" = 2 ] || { echo "two tasks do not run at once" >&2; exit 1; }
echo "two tasks run at once"
"$lpzero" status run
scancel --signal=KILL --full "${array}_2"
for _ in $(seq 100); do
  [ "$(squeue --noheader --states=RUNNING --jobs "$array" | wc -l)" = 1 ] && break
  sleep 0.1
done
state() { scontrol show job "${array}_2" | grep -o 'JobState=[A-Z_]*' | head -n 1; }
for _ in $(seq 100); do
  [ "$(state)" = JobState=COMPLETING ] || break
  sleep 0.1
done
echo "task 2 was killed: $(state)"
# Slurm gives it another turn by itself, in two minutes.
[ "$(state)" = JobState=PENDING ] || scontrol requeue "${array}_2"
scontrol update JobId="${array}_2" StartTime=now

for _ in $(seq 1200); do
  [ -e run/truth.json ] && break
  sleep 0.5
done
squeue
tail -n 3 run.*.log
[ -e run/truth.json ] || { echo "there is no merged ground truth" >&2; exit 1; }
"$lpzero" status run
# What is measured differs: seconds, and who took them.
python3 - << 'PYTHON'
import json

def entries(run):
    truth = json.load(open(f"{run}/truth.json"))
    for entry in truth["entries"]:
        for training in entry["trainings"]:
            del training["seconds"]
    return json.dumps(truth["entries"])

assert entries("run") == entries("whole"), "the shares and one process differ"
print("shares on Slurm, one killed: the entries are those of one process, byte for byte")
PYTHON
