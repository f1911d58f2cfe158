#!/usr/bin/env bash
# Writes dist/, all that a release consists of: programs for linux and darwin on amd64 and arm64, with what is in each (SBOM), both
# charts packaged, manifests to apply, checksums. Nothing is signed: without a registry there is nothing a signature would hang on.
#
#   build.sh vX.Y.Z
set -euo pipefail
cd "$(dirname "$0")/../.."
version=${1:-}
[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$ ]] || { echo "build.sh: VERSION=vX.Y.Z is needed, not \"$version\"" >&2; exit 2; }
hack/kind/fingerprint.sh --check
[ -z "$(git status --porcelain)" ] || { echo "build.sh: there are changes that are not committed" >&2; git status --short >&2; exit 1; }
image=${IMAGE:-ghcr.io/lectern-dev/lectern}
helm=$(hack/tools/install.sh helm)
kustomize=$(hack/tools/install.sh kustomize)

rm -rf dist
mkdir dist
for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do
  name=lectern_${version}_${platform/\//_}
  echo "$name"
  hack/image/program.sh "${platform%/*}" "${platform#*/}" "$version" "dist/$name"
  hack/image/sbom.sh "$version" "dist/$name" "dist/$name.cdx.json"
done
for chart in charts/*/Chart.yaml; do
  "$helm" package "${chart%/*}" --version "${version#v}" --app-version "$version" --destination dist
done

# A copy, so that the image's tag is set in what is written and not in what is kept.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r config "$work/"
(cd "$work/config/default" && "$kustomize" edit set image "ghcr.io/lectern-dev/lectern=$image:$version")
"$kustomize" build "$work/config/default" >dist/install.yaml
git rev-parse HEAD >dist/COMMIT
(cd dist && sha256sum -- * >SHA256SUMS)
ls -l dist
