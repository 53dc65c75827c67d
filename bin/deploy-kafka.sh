#!/usr/bin/env bash
# deploy-kafka.sh installs Kafka from deploy/helm/kafka, or upgrades it: service
# kafka-service in namespace kafka.
#
#   -n NAMESPACE   kafka
#   -f FILE        more values; may be given several times
#   --set A=B      one value; may be given several times
#   --dry-run      show what would be done
set -euo pipefail

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }
fail() {
  echo "deploy-kafka: $1" >&2
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
namespace=kafka
more=()
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    usage
    exit 0
    ;;
  --dry-run) dry=1 ;;
  -n)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    namespace=$2
    shift
    ;;
  -f)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    more+=(-f "$(realpath "$2")")
    shift
    ;;
  --set)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    more+=(--set "$2")
    shift
    ;;
  *) fail "unknown argument $1; --help shows what there is" 2 ;;
  esac
  shift
done
cd "$(dirname "$0")/.."

need helm "https://helm.sh/docs/intro/install"
need kubectl "https://kubernetes.io/docs/tasks/tools"
reach
run helm upgrade --install kafka deploy/helm/kafka --namespace "$namespace" --create-namespace --wait --timeout 5m "${more[@]}"
