#!/usr/bin/env bash
# Gives a cluster of a node image without the local-path provisioner volumes that pods may write to without being root: as many
# local ones as tests claim. What Kubernetes itself provisions on a host belongs to root, and fsGroup does not count there.
#
#   volumes.sh CLUSTER
set -euo pipefail
[ $# = 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
node=$1-control-plane count=60
kubectl() { docker exec -i "$node" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
docker exec "$node" bash -c "mkdir -p /var/local/volumes/{1..$count}"
kubectl delete storageclass standard --ignore-not-found >/dev/null
{
  cat <<S
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
S
  for i in $(seq "$count"); do
    cat <<S
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: local-$i}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: standard
  local: {path: /var/local/volumes/$i}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$node]}]}]}}
S
  done
} | kubectl apply -f - >/dev/null
