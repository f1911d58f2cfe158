#!/usr/bin/env bash
# Runs a command, such as `make e2e` or `make up`, on a machine that reaches the Go module proxy and Debian but no image registry:
# as root, on Debian with docker.io, postgresql-15, busybox-static, libnss-wrapper, iptables, iproute2 and jq.
#
#   NODE_IMAGE=node.tar hack/kind/offline.sh make e2e
#   hack/kind/offline.sh down         ends the Docker daemon, its containers and its network
#
# NODE_IMAGE is a node image for kind as `docker save` writes it; it is needed once. The command runs in the network of the
# Docker daemon, where ports of containers are, and nothing outside.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
[ $# -gt 0 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$*" != down ] || exec "$here/offline/dockerd.sh" down
export GOFLAGS='-trimpath -buildvcs=false' CGO_ENABLED=0

# What the command would fetch, as it cannot.
for module in . hack/kind; do go -C "$module" mod download; done
hack/tools/install.sh helm helm3 kustomize cyclonedx-gomod >/dev/null

DOCKER_HOST=$("$here/offline/dockerd.sh" up)
export DOCKER_HOST DOCKER_BUILDKIT=0
export KIND_NODE_IMAGE=${KIND_NODE_IMAGE:-local/kind-node:v1.37.1}
export KIND_CONFIG=${KIND_CONFIG:-$here/offline/cluster.yaml}
# What kind's own node image has and one made without a registry lacks; run after a cluster was made, with its name.
export KIND_SETUP=${KIND_SETUP:-$here/offline/volumes.sh}
export POSTGRES_IMAGE=${POSTGRES_IMAGE:-localhost/postgres:15}
if ! docker image inspect "$KIND_NODE_IMAGE" >/dev/null 2>&1; then
  [ -n "${NODE_IMAGE:-}" ] || { echo "offline.sh: $KIND_NODE_IMAGE is not in Docker; NODE_IMAGE names its archive" >&2; exit 1; }
  docker load -q -i "$NODE_IMAGE"
fi
docker image inspect "$POSTGRES_IMAGE" >/dev/null 2>&1 || "$here/offline/postgres.sh" "$POSTGRES_IMAGE"
exec "$here/offline/dockerd.sh" enter "$@"
