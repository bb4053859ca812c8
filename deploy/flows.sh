#!/bin/sh
# Joins the Ray cluster of RAY_ADDRESS as a node on which nothing runs, since a driver needs one beside it, and serves
# the flows of the workspace $1.
set -eu
ray start --address "$RAY_ADDRESS" --num-cpus 0 --num-gpus 0 --disable-usage-stats
exec python -m flows.deploy "$1"
