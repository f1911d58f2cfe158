#!/usr/bin/env bash
# Writes which Go modules are in a program, as CycloneDX.
#
#   sbom.sh VERSION PROGRAM FILE
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# = 3 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
"$(hack/tools/install.sh cyclonedx-gomod)" bin -json -std -noserial -version "$1" -output "$3" "$2" 2>/dev/null
