#!/usr/bin/env bash
# Compiles the program for an operating system and an architecture: static, without symbols, with its version.
#
#   program.sh OS ARCHITECTURE VERSION FILE
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# = 4 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
export GOFLAGS='-trimpath -buildvcs=false' CGO_ENABLED=0
GOOS=$1 GOARCH=$2 go build -ldflags "-s -w -X main.version=$3" -o "$4" .
