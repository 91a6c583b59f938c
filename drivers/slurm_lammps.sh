#!/bin/bash
#SBATCH --job-name=moe-ipi-lammps
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4     # the GPUs of a node; without GPUs its cores
#SBATCH --gpus-per-node=4       # without GPUs: remove this line
#SBATCH --cpus-per-task=8       # without GPUs: 1
#SBATCH --time=12:00:00
# One image on the ranks of several nodes (docs/lammps.md):
#
#     sbatch slurm_lammps.sh in.lmp                              a script of LAMMPS
#     ADDRESS=host PORT=31415 sbatch slurm_lammps.sh             a driver for an i-PI that listens there (ffsocket mode='inet')
#
# With device = "cuda" in moe.toml the ranks of a node take its GPUs in turn. Before the time is over a script ends by itself with
# LAMMPS's "timer timeout 11:45:00 every 100", and can write a restart; a driver just ends, and i-PI hands its structure to another one.
set -euo pipefail

CONFIG=${CONFIG:-moe.toml}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
# Of all nodes: rank 0 compiles models and pair style once for all.
export MOE_IPI_CACHE_DIR=${MOE_IPI_CACHE_DIR:-$HOME/.cache/moe-ipi}

if [[ $# -gt 0 ]]; then
    what=(lammps run "$1" -c "$CONFIG" "${@:2}")
else
    : "${ADDRESS:?give a script of LAMMPS, or ADDRESS and PORT of i-PI}"
    what=(driver --engine lammps -c "$CONFIG" --template "${TEMPLATE:-init.xyz}" -a "$ADDRESS" -p "${PORT:-31415}")
fi

# MPICH's mpiexec from the same environment; it starts one process on each node with srun.
exec "$(dirname "$(command -v moe-ipi)")/mpiexec" -bootstrap slurm -n "$SLURM_NTASKS" -ppn "$SLURM_NTASKS_PER_NODE" moe-ipi "${what[@]}"
