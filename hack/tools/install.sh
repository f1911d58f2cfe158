#!/usr/bin/env bash
# Builds pinned programs from Go modules, each once and by its own go.mod, and prints the path of each.
#
#   install.sh NAME...     of the table below; CACHE as in the Makefile
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/lectern/bin
programs='
helm          helm.sh/helm/v4/cmd/helm                          v4.3.1   -X helm.sh/helm/v4/internal/version.version=v4.3.1
helm3         helm.sh/helm/v3/cmd/helm                          v3.22.0  -X helm.sh/helm/v3/internal/version.version=v3.22.0
kustomize     sigs.k8s.io/kustomize/kustomize/v5                v5.8.2
kubeconform   github.com/yannh/kubeconform/cmd/kubeconform      v0.8.0
helm-docs     github.com/norwoodj/helm-docs/cmd/helm-docs       v1.14.2
crd-ref-docs  github.com/elastic/crd-ref-docs                   v0.3.0
promtool      github.com/prometheus/prometheus/cmd/promtool     v0.316.0
cyclonedx-gomod github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod v1.10.0
'

[ $# -gt 0 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
for name in "$@"; do
  read -r _ package version ldflags < <(grep "^$name " <<<"$programs") || { echo "install.sh: $name is not in the table" >&2; exit 2; }
  folder=$cache/$name-$version
  program=$folder/$(basename "${name%3}")
  if [ ! -x "$program" ]; then
    mkdir -p "$folder"
    exec 9>"$folder/.lock"
    flock 9
    if [ ! -x "$program" ]; then
      echo "Building $name $version from its Go module, once." >&2
      # Named by a module of its own, so that neither our go.mod nor another program's decides what it is built of.
      GOFLAGS=-trimpath CGO_ENABLED=0 GOBIN=$folder/part go install -ldflags "-s -w $ldflags" "$package@$version" >&2
      mv "$folder"/part/* "$program"
      rmdir "$folder/part"
    fi
    exec 9>&-
  fi
  echo "$program"
done
