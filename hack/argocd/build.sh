#!/usr/bin/env bash
# Builds Argo CD's application controller and repo server from their Go module, once per change of this folder, and prints the
# folder that holds them, with the manifests that Argo CD is installed with.
#
#   build.sh [CACHE]     CACHE defaults to $XDG_CACHE_HOME/lectern/argocd
set -euo pipefail
cd "$(dirname "$0")"

key=$(cat go.mod main.go build.sh | sha256sum | cut -c1-12)
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/lectern/argocd}/$key
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9
if [ ! -x "$out/argocd" ]; then
  echo "Building Argo CD from its Go module: about 10 minutes on 2 cores, once." >&2
  go mod download github.com/argoproj/argo-cd/v3 # or its folder has no name yet
  module=$(go list -m -f '{{.Dir}}' github.com/argoproj/argo-cd/v3)
  mkdir -p "$out/crds" "$out/config"
  cp "$module"/manifests/crds/{application,applicationset,appproject}-crd.yaml "$out/crds"
  cp "$module"/manifests/base/config/*.yaml "$out/config"
  chmod -R u+w "$out"
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$out/argocd.part" . >&2
  mv "$out/argocd.part" "$out/argocd"
fi
for name in argocd-application-controller argocd-repo-server argocd-redis; do ln -sfn argocd "$out/$name"; done
echo "$out"
