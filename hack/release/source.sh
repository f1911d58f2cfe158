#!/usr/bin/env bash
# Prints the commit of a kept release, or the tree that it had where history was written anew since and another commit has it.
# Says what to do where neither is in this clone.
#
#   source.sh vX.Y.Z
set -euo pipefail
cd "$(dirname "$0")/../.."
version=${1:-}
[ -e "hack/releases/$version/commit" ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
read -r commit tree <"hack/releases/$version/commit"
for object in "$commit" ${tree:+"$tree"}; do
  ! git cat-file -e "$object^{tree}" 2>/dev/null || { echo "$object"; exit; }
done
cat >&2 <<S
source.sh: commit $commit of $version is not in this clone, nor is its tree.
- In a shallow clone:  git fetch --unshallow  (or: git fetch origin $commit)
- Where history was written anew: fetch the commit from where it still is. A release that was never published may be cut
  again from a commit that is here:  rm -r hack/releases/$version && hack/release/keep.sh $version COMMIT
- make e2e builds no image of $version where there is one: docker load it, and docker tag it localhost/lectern:$version
S
exit 1
