#!/usr/bin/env bash
# deploy-pingpong.sh installs the service of examples/pingpong, or upgrades it.
#
#   -k ADDRESS     of Kafka: kafka-service.kafka.svc:9092
#   -n NAMESPACE   pingpong
#   -r REPLICAS    2
#   --set A=B      one value; may be given several times
#   --dry-run      show what would be done
set -euo pipefail

# shellcheck source=../tools/script-functions
source "$(dirname "$0")/../tools/script-functions"

namespace=pingpong
brokers=kafka-service.kafka.svc:9092
replicas=2
more=()
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    usage
    exit 0
    ;;
  --dry-run) dry=1 ;;
  -k)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    brokers=$2
    shift
    ;;
  -n)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    namespace=$2
    shift
    ;;
  -r)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    replicas=$2
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
run helm upgrade --install pingpong examples/pingpong/chart --namespace "$namespace" --create-namespace --wait --timeout 3m \
  --set-string "kafka=${brokers//,/\\,}" --set "replicas=$replicas" "${more[@]}"
