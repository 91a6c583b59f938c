#!/bin/bash
#SBATCH --job-name=moe-ipi
#SBATCH --nodes=1
#SBATCH --ntasks=5              # i-PI and four drivers
#SBATCH --cpus-per-task=4
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@300     # five minutes before the end: i-PI writes its RESTART and stops
# For GPUs: --gpus-per-task and device = "cuda" in moe.toml; one driver per GPU, beads batched with <batch_size>.
#
# One node: ffsocket mode='unix' (or 'shm') in input.xml; MODE=unix sbatch slurm_example.sh
# Several nodes: ffsocket mode='inet' with <address>0.0.0.0</address>; MODE=inet PORT=31415 sbatch --nodes=2 slurm_example.sh
set -euo pipefail

MODE=${MODE:-unix}
ADDRESS=${ADDRESS:-moe}         # the <address> of input.xml, for unix and shm
PORT=${PORT:-31415}             # the <port> of input.xml, for inet
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

input=input.xml
[[ -e RESTART ]] && input=RESTART

case $MODE in
    unix) where=(-u -a "$ADDRESS") ;;
    shm)  where=(--shm -a "$ADDRESS") ;;
    inet) where=(-a "$(hostname)" -p "$PORT") ;;
    *)    echo "MODE must be unix, shm or inet" >&2; exit 1 ;;
esac

# i-PI runs in the batch step itself, on the first node; drivers may start before it is ready.
i-pi "$input" > i-pi.log 2>&1 &
ipi=$!
trap 'kill -TERM $ipi' TERM

for k in 1 2 3 4; do
    srun --exact --ntasks=1 --cpus-per-task="$OMP_NUM_THREADS" \
        moe-ipi driver -c moe.toml --template init.xyz "${where[@]}" --connect-timeout 300 > "driver_$k.log" 2>&1 &
done

status=0
wait $ipi || status=$?
if kill -0 $ipi 2> /dev/null; then # the signal ended the wait, and i-PI is writing its RESTART
    status=0
    wait $ipi || status=$?
fi
wait || true
exit $status
