#!/usr/bin/env bash
# A Ray cluster for as long as a Slurm job runs, and one command on it:
#   sbatch cluster/slurm.sh train --workspace /shared/seje --config seje --workers 8
# The same job resumes where it was: no result of a finished step is lost.
#SBATCH --job-name=seje
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --gpus-per-node=4
#SBATCH --mem=128G
#SBATCH --time=24:00:00
set -euo pipefail

source "${SEJE_VENV:-$HOME/seje/.venv}/bin/activate" # with `pip install 'seje-ray[jobs]'`
export RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token
ray get-auth-token --generate > /dev/null # in the home folder, which all nodes share

nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
head=${nodes[0]}
port=$((20000 + SLURM_JOB_ID % 20000)) # two jobs of one machine do not meet
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}'):$port

ray_node() { # on one node, until this job ends
  local node=$1
  shift
  srun --nodes=1 --ntasks=1 --exact --nodelist="$node" \
    ray start --block --num-cpus="$SLURM_CPUS_PER_TASK" "$@" &
}
ray_node "$head" --head --port="$port" --include-dashboard=false --dashboard-agent-listen-port=0
until ray status --address "$address" > /dev/null 2>&1; do sleep 2; done
for node in "${nodes[@]:1}"; do
  ray_node "$node" --address="$address" --dashboard-agent-listen-port=0
done
until [ "$(ray status --address "$address" 2> /dev/null | grep -c ' node_')" -ge "${#nodes[@]}" ]; do
  sleep 2
done

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  seje-ray "$@" --address "$address" --shared-path
