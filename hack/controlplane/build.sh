#!/usr/bin/env bash
# Builds etcd, kube-apiserver and kubectl from Go modules, once per change of this folder, and
# prints the folder that holds them (good as KUBEBUILDER_ASSETS).
#
#   build.sh [CACHE]     CACHE defaults to $XDG_CACHE_HOME/lectern/controlplane
#   build.sh --present   prints the folder if it was built before, else fails
set -euo pipefail
cd "$(dirname "$0")"

key=$(cat go.mod main.go build.sh | sha256sum | cut -c1-12)
present=
if [ "${1:-}" = --present ]; then present=1; shift; fi
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/lectern/controlplane}/$key
if [ -n "$present" ]; then
  [ -x "$out/controlplane" ] && [ -e "$out/kubectl" ] && echo "$out"
  exit
fi
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9
if [ ! -x "$out/controlplane" ]; then
  echo "Building etcd, kube-apiserver and kubectl from Go modules: about 8 minutes on 2 cores, once." >&2
  version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
  IFS=. read -r major minor _ <<<"${version#v}"
  ldflags='-s -w'
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    ldflags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
    ldflags+=" -X $package.gitTreeState=archive -X $package.gitCommit=module"
  done
  CGO_ENABLED=0 go build -trimpath -ldflags "$ldflags" -o "$out/controlplane.part" . >&2
  mv "$out/controlplane.part" "$out/controlplane"
  echo "Built $version into $out." >&2
fi
for name in etcd kube-apiserver kubectl; do ln -sfn controlplane "$out/$name"; done
echo "$out"
