#!/usr/bin/env bash
# Prints a fingerprint of what `make e2e` installs: charts, config, Dockerfile and hack/kind as they are in the working tree.
#
#   fingerprint.sh            prints it
#   fingerprint.sh --check    says loudly, and fails, when it is another than that of docs/e2e.md
set -euo pipefail
cd "$(dirname "$0")/../.."
current=$(git ls-files -z -co --exclude-standard -- charts config Dockerfile hack/kind | sort -zu |
  while IFS= read -r -d '' file; do if [ -e "$file" ]; then sha256sum "$file"; fi; done | sha256sum | cut -c1-16)
[ "${1:-}" = --check ] || { echo "$current"; exit; }
recorded=$(sed -n 's/.*fingerprint `\([0-9a-f]*\)`.*/\1/p' docs/e2e.md 2>/dev/null || true)
[ "$current" != "$recorded" ] || exit 0
line=$(printf '!%.0s' $(seq 100))
cat >&2 <<S
$line
!! make e2e has not seen what is here: charts, config, Dockerfile or hack/kind changed since its last
!! green run (docs/e2e.md: ${recorded:-no run}; here: $current).
!! Run make e2e, and commit docs/e2e.md. make release refuses until then.
$line
S
exit 1
