#!/usr/bin/env bash
# runc for a machine whose root has no CAP_SYS_RESOURCE: takes that capability, and a lower OOM score, out of what a privileged
# container asks for, from the bundle's config.json (create, run) or the process file (exec). Without it runc refuses the container.
set -eu
strip='def bounded: .capabilities |= (. // {} | map_values(map(select(. != "CAP_SYS_RESOURCE"))));
  if .process then .process |= bounded | .process.oomScoreAdj |= (if . then ([., 0] | max) else . end) else bounded end'
previous='' file=''
for argument in "$@"; do
  case $previous in
  --bundle | -b) file=$argument/config.json ;;
  --process | -p) file=$argument ;;
  esac
  case $argument in
  --bundle=*) file=${argument#*=}/config.json ;;
  --process=*) file=${argument#*=} ;;
  esac
  previous=$argument
done
if [ -s "$file" ]; then
  stripped=$(jq -c "$strip" "$file") && printf '%s' "$stripped" >"$file"
fi
exec "${RUNC:-/usr/sbin/runc}" "$@"
