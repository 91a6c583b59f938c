#!/bin/bash
#SBATCH --job-name=moe-ipi
#SBATCH --nodes=1               # or more: sbatch --nodes=2 job.sh
#SBATCH --ntasks-per-node=4     # drivers of each <ffsocket>
#SBATCH --cpus-per-task=4
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# GPUs: add --gpus-per-node=4; the drivers of a node take them in turn.
#
# moe-ipi run and i-PI are on the first node, and the assignment follows the chemistry.  Drivers are started by srun, on
# all nodes, and connect over TCP, whatever the <ffsocket> of the input says.  When the time of the job is nearly over,
# i-PI stops with a RESTART, and the job is queued again; it continues from there, or from a newer checkpoint.
set -euo pipefail

INPUT=${INPUT:-input.xml}
CONFIG=${CONFIG:-moe.toml}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} PYTHONUNBUFFERED=1
# source /path/to/venv/bin/activate

options=(-n 0 --inet --continue)
left=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%L)
[[ $left == *:* ]] && options+=(--walltime "$left") # some jobs have no limit

rm -f -- *.moe_drivers
moe-ipi run "$INPUT" -c "$CONFIG" "${options[@]}" &
run=$!
trap 'kill -TERM $run' TERM

# What a task does: it starts a driver, and another one if it is lost.
task='
device=
(( ${SLURM_GPUS_ON_NODE:-0} > 0 )) && device="--device cuda:$(( SLURM_LOCALID % SLURM_GPUS_ON_NODE ))"
for attempt in 1 2 3 4 5; do
    eval "$DRIVER $device" && break
    sleep 5
done'

# One line for each <ffsocket>: the command that starts a driver.
until compgen -G "*.moe_drivers" > /dev/null || ! kill -0 $run 2> /dev/null; do sleep 1; done
while read -r DRIVER; do
    export DRIVER
    srun --overlap --ntasks="$SLURM_NTASKS" --cpus-per-task="$OMP_NUM_THREADS" --kill-on-bad-exit=0 --wait=0 \
        --output="driver.%J.%t.log" bash -c "$task" < /dev/null &
done < <(cat -- *.moe_drivers 2> /dev/null)

status=0
wait $run || status=$?
if kill -0 $run 2> /dev/null; then # a signal has ended the wait: i-PI writes its RESTART
    status=0
    wait $run || status=$?
fi
sleep 2
jobs -p | xargs -r kill 2> /dev/null || true # drivers that have not seen the end
wait || true
if [[ $status == 75 ]]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
