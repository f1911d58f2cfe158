#!/usr/bin/env bash
# Builds the image with a program that is compiled here, and prints how large it is.
#
#   build.sh IMAGE:TAG VERSION [ARCHITECTURE]
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 2 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
image=$1 version=$2 architecture=${3:-$(go env GOARCH)}
# 30 MiB, as the registry has it.
limit=$((30 << 20))

hack/image/files.sh linux "$architecture" "$version" "bin/image/linux_$architecture"
docker build -q --target binary --platform "linux/$architecture" --build-arg "TARGETARCH=$architecture" --build-arg "VERSION=$version" \
  -t "$image" . >/dev/null
size=$(docker save "$image" | gzip -6 | wc -c)
awk -v image="$image" -v size="$size" 'BEGIN {printf "%s: %.1f MiB compressed\n", image, size / 1048576}'
[ "$size" -le "$limit" ] || { echo "build.sh: more than $((limit >> 20)) MiB" >&2; exit 1; }
