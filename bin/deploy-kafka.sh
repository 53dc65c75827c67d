#!/usr/bin/env bash
# deploy-kafka.sh installs Kafka from deploy/helm/kafka, or upgrades it: service
# kafka-service in namespace kafka.
#
#   -n NAMESPACE   kafka
#   -f FILE        more values; may be given several times
#   --set A=B      one value; may be given several times
#   --dry-run      show what would be done
set -euo pipefail

# shellcheck source=../tools/script-functions
source "$(dirname "$0")/../tools/script-functions"

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
