#!/usr/bin/env bash
# uninstall.sh removes ping-pong, Belfry and Kafka from a Kubernetes cluster. What
# Kafka stored stays, unless --data is given.
#
#   --data         remove the volumes too: all jobs, runs and results
#   --dry-run      show what would be done
set -euo pipefail

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }
fail() {
  echo "uninstall: $1" >&2
  exit "${2:-1}"
}
# run does what it is given, or only shows it.
run() {
  if [ "$dry" = 1 ]; then
    printf '+'
    printf ' %q' "$@"
    echo
  else
    "$@"
  fi
}
# need says which program is missing; with --dry-run nothing is.
need() {
  [ "$dry" = 1 ] || command -v "$1" >/dev/null || fail "$1 is not installed: $2"
}
# reach says early when there is no cluster.
reach() {
  [ "$dry" = 1 ] || kubectl version --request-timeout=5s >/dev/null 2>&1 ||
    fail "no Kubernetes cluster answers: kubectl config current-context says which one is meant, KUBECONFIG names a file"
}

dry=0
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
