#!/usr/bin/env bash
# Makes a kind cluster with Lectern, a trial database and the sample prompts in it, and says how to call it.
#
#   up.sh          IMAGE and POSTGRES_IMAGE name images other than those built here and the chart's own
#   up.sh down     removes the cluster
set -euo pipefail
cd "$(dirname "$0")/../.."
cluster=lectern namespace=lectern prompts=prompts
kind() { go -C hack/kind run . -name "$cluster" "$@"; }
if [ "${1:-}" = down ]; then kind down; exit; fi

image=localhost/lectern:dev
helm=$(hack/tools/install.sh helm)
kind up
[ -z "${KIND_SETUP:-}" ] || "$KIND_SETUP" "$cluster"
hack/image/build.sh "$image" dev
images=("$image")
values=(--set image.repository="${image%:*}" --set image.tag="${image##*:}" --set database.mode=trial)
# Another program has the same image name: without a change to the pods, those that run would stay.
program=$(sha256sum "bin/image/linux_$(go env GOARCH)/usr/bin/lectern" | cut -c1-16)
for component in controller server; do values+=(--set-string "$component.podAnnotations.program=$program"); done
if [ -n "${POSTGRES_IMAGE:-}" ]; then
  images+=("$POSTGRES_IMAGE")
  values+=(--set database.trial.image.repository="${POSTGRES_IMAGE%:*}" --set-string database.trial.image.tag="${POSTGRES_IMAGE##*:}")
fi
kind load "${images[@]}"
context=(--kube-context "kind-$cluster")
"$helm" upgrade --install lectern charts/lectern "${context[@]}" --namespace "$namespace" --create-namespace --wait --timeout 5m "${values[@]}"
"$helm" upgrade --install samples charts/lectern-samples "${context[@]}" --namespace "$prompts" --create-namespace --wait --timeout 2m
cat <<S

Lectern runs in the kind cluster $cluster. In the cluster agents call
  http://lectern.$namespace.svc/mcp
From here, with a token of an account that may read the sample prompts, for an hour:
  kubectl --context kind-$cluster -n $prompts create serviceaccount agent
  kubectl --context kind-$cluster -n $prompts create rolebinding agent --clusterrole=lectern-agent --serviceaccount=$prompts:agent
  kubectl --context kind-$cluster -n $prompts create token agent --audience=http://lectern.$namespace.svc/mcp > token
  kubectl --context kind-$cluster -n $namespace port-forward service/lectern 8080:80 &
  make build && bin/lectern connect http://127.0.0.1:8080/mcp --token-file token --check
make down removes it.
S
