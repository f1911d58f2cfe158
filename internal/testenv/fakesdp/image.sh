#!/usr/bin/env bash
# Builds the image of the fake ServiceDesk Plus for tests in a cluster: one static program, and nothing of Lectern's.
#
#   image.sh IMAGE:TAG
set -euo pipefail
cd "$(dirname "$0")/../../.."
[ $# = 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
GOFLAGS='-trimpath -buildvcs=false' CGO_ENABLED=0 GOOS=linux go build -ldflags '-s -w' -o "$context/fakesdp" ./internal/testenv/fakesdp
printf 'FROM scratch\nCOPY fakesdp /usr/bin/fakesdp\nUSER 65532:65532\nENTRYPOINT ["/usr/bin/fakesdp"]\n' >"$context/Dockerfile"
docker build -q -t "$1" "$context" >/dev/null
echo "$1"
