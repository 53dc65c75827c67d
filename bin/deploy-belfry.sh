#!/usr/bin/env bash
# deploy-belfry.sh installs Belfry from deploy/helm/belfry, or upgrades it, and fires
# one job through it.
#
#   -k BROKERS     kafka-service.kafka.svc:9092
#   -n NAMESPACE   belfry
#   -j FILE        a job file to keep in force
#   -f FILE        more values; may be given several times
#   --set A=B      one value; may be given several times
#   --dry-run      show what would be done
set -euo pipefail

# shellcheck source=../tools/script-functions
source "$(dirname "$0")/../tools/script-functions"

namespace=belfry
brokers=kafka-service.kafka.svc:9092
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
  -k)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    brokers=$2
    shift
    ;;
  -j)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    [ -f "$2" ] || fail "-j $2: there is no such file"
    more+=(--set-file "jobs.jobs\\.yaml=$(realpath "$2")")
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
run helm upgrade --install belfry deploy/helm/belfry --namespace "$namespace" --create-namespace --wait --timeout 5m \
  --set-string "kafka.brokers=${brokers//,/\\,}" "${more[@]}"
run helm test belfry --namespace "$namespace" --timeout 3m
