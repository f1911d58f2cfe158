#!/usr/bin/env bash
# Builds a Postgres image of Debian's postgresql-15, that has the interface of the official image, for machines without a registry.
#
#   postgres.sh TAG
#
# It needs Docker, postgresql-15, busybox-static, libnss-wrapper and bash of the machine (Debian, amd64).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
server=/usr/lib/postgresql/15
image=$(mktemp -d)
trap 'rm -rf "$image"' EXIT
root=$image/root

# add FILE...: files, and the shared libraries that they need, at the same paths.
add() {
  for file in "$@"; do
    echo "$file"
    { ldd "$file" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; }
  done | sort -u | while read -r file; do
    mkdir -p "$root$(dirname "$file")"
    cp -L --preserve=mode "$file" "$root$file"
  done
}

mkdir -p "$root"/{bin,etc,tmp,run/postgresql,var/lib/postgresql/data,usr/bin,usr/local/bin,usr/share/postgresql,docker-entrypoint-initdb.d}
ln -s ../run "$root/var/run"
# In place of a shell's programs; bash, as scripts in /docker-entrypoint-initdb.d may be for it.
cp /bin/busybox "$root/bin/busybox"
for applet in $(/bin/busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
rm -f "$root"/bin/{bash,sh,getent}
add /bin/bash /usr/bin/getent
ln -s bash "$root/bin/sh"
add "$server"/bin/{postgres,initdb,psql,pg_isready,pg_ctl,pg_dump,pg_dumpall,pg_restore,pg_controldata,createdb,dropdb} \
  /lib/x86_64-linux-gnu/libnss_files.so.2 /usr/lib/x86_64-linux-gnu/libnss_wrapper.so
# Without the compiler of queries, which is larger than all the rest.
while read -r library; do add "$library"; done < <(ls "$server"/lib/*.so | grep -v llvmjit)
cp -rL /usr/share/postgresql/15 "$root/usr/share/postgresql/"
cp -rL /usr/share/zoneinfo "$root/usr/share/"
mkdir -p "$root/usr/lib/locale"
cp -rL /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"
rm -rf "$root"/usr/share/zoneinfo/{right,posix}
# The official image listens on all addresses.
sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" "$root/usr/share/postgresql/15/postgresql.conf.sample"
printf 'root:x:0:0:root:/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/bash\n' >"$root/etc/passwd"
printf 'root:x:0:\npostgres:x:999:\n' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
install -m 755 "$here/postgres/docker-entrypoint.sh" "$root/usr/local/bin/"
chmod 1777 "$root/tmp"
chmod 3777 "$root/run/postgresql"
chown -R 999:999 "$root/var/lib/postgresql"
chmod 1777 "$root/var/lib/postgresql/data"

# In an archive, as COPY would make all of it root's.
tar -C "$root" -cf "$image/root.tar" .
rm -rf "$root"
cat >"$image/Dockerfile" <<S
FROM scratch
ADD root.tar /
ENV PATH=/usr/local/bin:$server/bin:/usr/bin:/bin LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
S
DOCKER_BUILDKIT=0 docker build -q -t "$1" "$image"
