#!/usr/bin/env bash
# create-topics.sh makes Belfry's topics that are missing, with the belfry of this
# tree or of PATH; those that exist are left alone.
#
#   -k BROKERS     localhost:9092
#   -c CLUSTERS    cluster-a,cluster-b
#   -r REPLICAS    3
#   -p PARTITIONS  of each queue: 12
#   -s SHARDS      8; never changes afterwards
#   --dry-run      show what would be done
set -euo pipefail

# shellcheck source=../tools/script-functions
source "$(dirname "$0")/../tools/script-functions"

brokers=localhost:9092
clusters=cluster-a,cluster-b
replicas=3
partitions=12
shards=8
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
  -c)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    clusters=$2
    shift
    ;;
  -r)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    replicas=$2
    shift
    ;;
  -p)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    partitions=$2
    shift
    ;;
  -s)
    [ $# -ge 2 ] || fail "$1 needs a value" 2
    shards=$2
    shift
    ;;
  *) fail "unknown argument $1; --help shows what there is" 2 ;;
  esac
  shift
done
cd "$(dirname "$0")/.."

belfry=bin/belfry
[ -x "$belfry" ] || belfry=belfry
need "$belfry" "make build makes bin/belfry"
run "$belfry" topics create --brokers "$brokers" --clusters "$clusters" --replication "$replicas" --partitions "$partitions" \
  --shards "$shards" --wait 1m
