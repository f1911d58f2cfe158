#!/usr/bin/env bash
# Runs the scenarios of test/e2e in a kind cluster of their own, from nothing, and records a green run in docs/e2e.md.
#
#   e2e.sh          RUN is the -run of go test; a run of some scenarios is not recorded
#
# KEEP=1 leaves the cluster. CLUSTER_KUBECONFIG names a cluster to use instead of a new one of kind; IMAGE, CLIENT_IMAGE and
# FAKE_SDP_IMAGE are then images that it can pull. POSTGRES_IMAGE is another image for the trial database than the chart's.
set -euo pipefail
cd "$(dirname "$0")/../.."
cluster=${CLUSTER:-lectern-e2e}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lectern/e2e
mkdir -p "$cache"
export GOFLAGS='-trimpath -buildvcs=false' CGO_ENABLED=0
LECTERN_E2E_HELM=$(hack/tools/install.sh helm)
LECTERN_E2E_HELM3=$(hack/tools/install.sh helm3)
export LECTERN_E2E_HELM LECTERN_E2E_HELM3
export LECTERN_E2E_IMAGE=${IMAGE:-localhost/lectern:e2e} LECTERN_E2E_CLIENT_IMAGE=${CLIENT_IMAGE:-localhost/lectern-e2e-client:e2e}
export LECTERN_E2E_FAKE_SDP_IMAGE=${FAKE_SDP_IMAGE:-localhost/lectern-fakesdp:e2e}
export LECTERN_E2E_POSTGRES_IMAGE=${POSTGRES_IMAGE:-} LECTERN_E2E_FIGURES=$cache/figures
# Of what is built and installed below; commits may follow while the scenarios run.
commit=$(git rev-parse HEAD) fingerprint=$(hack/kind/fingerprint.sh) changed=
[ -z "$(git status --porcelain)" ] || changed=' and changes that were not committed'
kind() { "$cache/kind" -name "$cluster" -kubeconfig "$KUBECONFIG" "$@"; }

if [ -n "${CLUSTER_KUBECONFIG:-}" ]; then
  export KUBECONFIG=$CLUSTER_KUBECONFIG
else
  go -C hack/kind build -o "$cache/kind" .
  export KUBECONFIG=$cache/kubeconfig-$cluster
  # Built before the cluster is there: compiling leaves a small machine's cluster no time.
  size=$(hack/image/build.sh "$LECTERN_E2E_IMAGE" "${VERSION:-e2e}")
  echo "$size"
  test/e2e/client/build.sh "$LECTERN_E2E_CLIENT_IMAGE" "$LECTERN_E2E_IMAGE"
  internal/testenv/fakesdp/image.sh "$LECTERN_E2E_FAKE_SDP_IMAGE"
  go test -tags e2e -c -o "$cache/e2e.test" ./test/e2e
  images=("$LECTERN_E2E_IMAGE" "$LECTERN_E2E_CLIENT_IMAGE" "$LECTERN_E2E_FAKE_SDP_IMAGE" ${POSTGRES_IMAGE:+"$POSTGRES_IMAGE"})
  # Each release that is kept, from its commit.
  for kept in hack/releases/v*/; do
    [ -e "$kept/commit" ] || continue
    version=$(basename "$kept")
    images+=("${LECTERN_E2E_IMAGE%:*}:$version")
    docker image inspect "${images[-1]}" >/dev/null 2>&1 && continue
    source=$(hack/release/source.sh "$version")
    tree=$(mktemp -d)
    git archive "$source" | tar -x -C "$tree"
    "$tree/hack/image/build.sh" "${images[-1]}" "$version"
    rm -rf "$tree"
  done
  [ -n "${KEEP:-}" ] || trap 'kind down' EXIT
  kind up
  [ -z "${KIND_SETUP:-}" ] || "$KIND_SETUP" "$cluster"
  kind load "${images[@]}"
fi
rm -f "$LECTERN_E2E_FIGURES"
started=$(date +%s)
go test -tags e2e -count=1 -timeout 90m -v ${RUN:+-run "$RUN"} ./test/e2e
[ -z "${RUN:-}" ] || exit 0
[ "$(hack/kind/fingerprint.sh)" = "$fingerprint" ] || {
  echo "e2e.sh: charts, config, Dockerfile or hack/kind changed while the scenarios ran; this run is not recorded" >&2
  exit 1
}

{
  cat <<S
# What make e2e saw

Written by \`make e2e\` when all of it passed. The scenarios are the tests of [test/e2e](../test/e2e).

- Commit \`$commit\`$changed, of which
  charts, config, Dockerfile and hack/kind have the fingerprint \`$fingerprint\`.
- $(date -u +%Y-%m-%d), $(($(date +%s) - started)) s of scenarios on $(nproc) cores.
- ${size:-An image that was there.}

| scenario | what was seen |
| --- | --- |
S
  sort "$LECTERN_E2E_FIGURES" | awk -F'\t' '{print "| " $1 " | " $2 " |"}'
} >docs/e2e.md
echo "docs/e2e.md is written; commit it."
