#!/usr/bin/env bash
# Starts and stops a Docker daemon in network, mount and process namespaces of its own, on a machine where none runs: as
# root, from Debian's docker.io, iptables, iproute2 and jq.
#
#   dockerd.sh up      prints DOCKER_HOST; does nothing where it runs already
#   dockerd.sh down    ends the daemon and all its containers
#   dockerd.sh enter COMMAND...   runs a command in the daemon's network, where the ports that containers publish are
#
# The namespace has a loopback and no way out: a stray image pull fails at once. What the daemon holds is in FOLDER.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${FOLDER:-/tmp/lectern-docker} namespace=${NETWORK_NAMESPACE:-lectern-docker}
export DOCKER_HOST=unix://$folder/docker.sock

up() {
  if docker version >/dev/null 2>&1; then echo "$DOCKER_HOST"; return; fi
  mkdir -p "$folder"
  # A daemon that was killed leaves its pid, which may be another process's by now.
  rm -rf "$folder/docker.pid" "$folder/exec"
  [ -e "/run/netns/$namespace" ] || ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  cat >"$folder/init.sh" <<S
set -e
mount --make-rshared /
mkdir -p /run/containerd
mount -t tmpfs tmpfs /run/containerd
sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
exec dockerd -H "$DOCKER_HOST" --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/docker.pid" \\
  --oom-score-adjust 0 --default-cgroupns-mode private --storage-driver overlay2 --ip-forward=false --cgroup-parent "/$namespace" \\
  --add-runtime "bounded=$here/runc.sh" --default-runtime bounded
S
  # What a kubelet in a privileged container sets for the whole machine, so that down can put it back.
  sysctl vm.overcommit_memory kernel.panic kernel.panic_on_oops >"$folder/sysctl.conf"
  # Not "ip netns exec": it mounts another /sys, which has no cgroups.
  setsid nsenter --net="/run/netns/$namespace" unshare --mount --propagation slave --pid --fork --kill-child --mount-proc \
    bash "$folder/init.sh" >"$folder/log" 2>&1 </dev/null 9>&- &
  echo $! >"$folder/init.pid"
  for _ in $(seq 150); do
    if docker version >/dev/null 2>&1; then
      # All containers together count as one process otherwise (cgroup v1), whatever else the machine does.
      mkdir -p "/sys/fs/cgroup/cpu/$namespace"
      echo 20000 >"/sys/fs/cgroup/cpu/$namespace/cpu.shares"
      echo "$DOCKER_HOST"
      return
    fi
    sleep 0.2
  done
  tail -n 20 "$folder/log" >&2
  exit 1
}

down() {
  [ -e "$folder/init.pid" ] || exit 0
  local pid
  pid=$(cat "$folder/init.pid")
  kill -9 "$pid" 2>/dev/null || true
  for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  sysctl -qp "$folder/sysctl.conf"
  rm -f "$folder/docker.pid" "$folder/init.pid"
  ip netns del "$namespace"
  find /sys/fs/cgroup/*/"$namespace" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

case ${1:-} in
up) up ;;
down) down ;;
enter)
  shift
  exec nsenter --net="/run/netns/$namespace" "$@"
  ;;
*)
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
