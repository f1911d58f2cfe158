#!/usr/bin/env bash
# Keeps of a release what later ones are tested against, in hack/releases/vX.Y.Z, as a clone may lack tags: the commit, both charts,
# the CRDs, the queries, the sample objects and files of values, and the schema that its migrations make.
#
#   keep.sh vX.Y.Z [COMMIT]     of HEAD otherwise
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/../.."
version=${1:-}
[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
commit=$(git rev-parse --verify "${2:-HEAD}^{commit}")
kept=$PWD/hack/releases/$version
helm=$(hack/tools/install.sh helm)
[ ! -e "$kept" ] || { echo "keep.sh: $kept is there, and what was released does not change" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive "$commit" | tar -x -C "$work"
mkdir -p "$kept"/{crd,queries,samples,values}
# With the commit its tree, which outlives a history that is squashed.
echo "$commit $(git rev-parse "$commit^{tree}")" >"$kept/commit"
for chart in "$work"/charts/*/Chart.yaml; do
  "$helm" package "${chart%/*}" --version "${version#v}" --app-version "$version" --destination "$kept"
done
cp "$work"/config/crd/*.yaml "$kept/crd/"
# As sqlc made them, with $1 in place of names.
for file in "$work"/internal/store/postgres/internal/sqlcgen/*.sql.go; do
  awk '/^const [A-Za-z]+ = `/ {sub(/^[^`]*`/, ""); on = 1} on {if (sub(/`$/, "")) on = 0; print}' "$file" >"$kept/queries/$(basename "$file" .go)"
done
cp "$work"/config/samples/*.yaml "$kept/samples/"
cp "$work"/charts/lectern/ci/*.yaml "$kept/values/"

# The schema, by a Postgres of its own.
binaries=$(ls -d /usr/lib/postgresql/*/bin | sort -V | head -1)
user=()
[ "$(id -u)" != 0 ] || { user=(setpriv --reuid=nobody --regid=nogroup --clear-groups); chown nobody "$work"; chmod 755 "$work"; }
(
  cd "$work"
  export PGDATA=$work/data PGHOST=$work/socket PGUSER=postgres
  mkdir -m 777 socket
  "${user[@]}" "$binaries/initdb" -A trust -U postgres -E UTF8 --locale=C >/dev/null
  "${user[@]}" "$binaries/pg_ctl" -w -o "-c listen_addresses='' -k $PGHOST" -l "$work/socket/log" start >/dev/null
  trap '"${user[@]}" "$binaries/pg_ctl" -m immediate stop >/dev/null' EXIT
  "$binaries/psql" -qc 'create role lectern_server'
  GOFLAGS='-trimpath -buildvcs=false' CGO_ENABLED=0 go build -o lectern .
  LECTERN_DATABASE_URL="postgres:///postgres?host=$PGHOST&user=postgres" ./lectern migrate --server-role lectern_server
  "$binaries/pg_dump" --schema-only --no-owner | grep -v '^\\\(un\)\?restrict ' >"$kept/schema.sql"
)
ls -l "$kept"
