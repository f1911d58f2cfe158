#!/usr/bin/env bash
# Builds the image of the scenarios' client, upon that of Lectern: it starts `lectern connect`.
#
#   build.sh IMAGE:TAG LECTERN_IMAGE:TAG
set -euo pipefail
cd "$(dirname "$0")/../../.."
[ $# = 2 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
GOFLAGS='-trimpath -buildvcs=false' CGO_ENABLED=0 GOOS=linux go build -ldflags '-s -w' -o "$context/client" ./test/e2e/client
printf 'FROM %s\nCOPY client /usr/bin/client\nENTRYPOINT ["/usr/bin/client"]\n' "$2" >"$context/Dockerfile"
docker build -q -t "$1" "$context" >/dev/null
echo "$1"
