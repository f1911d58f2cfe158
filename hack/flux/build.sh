#!/usr/bin/env bash
# Builds Flux's kustomize-controller from its Go module, once per change of this folder, and prints the folder that holds it,
# with the CRDs of what it reads and of what config/flux has.
#
#   build.sh [CACHE]     CACHE defaults to $XDG_CACHE_HOME/lectern/flux
set -euo pipefail
cd "$(dirname "$0")"

# YAML only. They are of the same release of Flux; only what this module builds is in its go.mod.
source_controller=v1.9.0
helm_controller=v1.6.0

key=$(cat go.mod build.sh | sha256sum | cut -c1-12)
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/lectern/flux}/$key
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9
if [ ! -x "$out/kustomize-controller" ]; then
  echo "Building kustomize-controller from its Go module: about 3 minutes on 2 cores, once." >&2
  mkdir -p "$out/crds"
  for module in kustomize-controller "source-controller@$source_controller" "helm-controller@$helm_controller"; do
    case $module in
      *@*) folder=$(cd / && GOFLAGS=-mod=mod go mod download -json "github.com/fluxcd/$module" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p') ;;
      *) go mod download "github.com/fluxcd/$module"; folder=$(go list -m -f '{{.Dir}}' "github.com/fluxcd/$module") ;;
    esac
    cp "$folder"/config/crd/bases/*.yaml "$out/crds"
  done
  chmod -R u+w "$out"
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$out/kustomize-controller.part" github.com/fluxcd/kustomize-controller >&2
  mv "$out/kustomize-controller.part" "$out/kustomize-controller"
fi
echo "$out"
