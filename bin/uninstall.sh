#!/usr/bin/env bash
# uninstall.sh removes ping-pong, Belfry and Kafka from a Kubernetes cluster. What
# Kafka stored stays, unless --data is given.
#
#   --data         remove the volumes too: all jobs, runs and results
#   --dry-run      show what would be done
set -euo pipefail

# shellcheck source=../tools/script-functions
source "$(dirname "$0")/../tools/script-functions"

data=0
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    usage
    exit 0
    ;;
  --dry-run) dry=1 ;;
  --data) data=1 ;;
  *) fail "unknown argument $1; --help shows what there is" 2 ;;
  esac
  shift
done
cd "$(dirname "$0")/.."

need helm "https://helm.sh/docs/intro/install"
need kubectl "https://kubernetes.io/docs/tasks/tools"
reach
for release in pingpong belfry kafka; do
  run helm uninstall "$release" --namespace "$release" --ignore-not-found --wait --timeout 3m
done
if [ "$data" = 1 ]; then
  run kubectl --namespace kafka delete persistentvolumeclaim --selector app.kubernetes.io/name=kafka --ignore-not-found
fi
