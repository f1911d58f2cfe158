#!/usr/bin/env bash
# Puts the files of the image into a folder: the program, what is in it (SBOM), the certificates of public authorities, an account.
#
#   files.sh OS ARCHITECTURE VERSION FOLDER
#
# CA_BUNDLE names the certificates; those of this machine otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# = 4 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
os=$1 architecture=$2 version=$3 folder=$4

bundle=${CA_BUNDLE:-}
for candidate in /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem /etc/pki/tls/certs/ca-bundle.crt; do
  [ -n "$bundle" ] || [ ! -e "$candidate" ] || bundle=$candidate
done
[ -s "$bundle" ] || { echo "files.sh: no CA certificates here; CA_BUNDLE names them" >&2; exit 1; }

rm -rf "$folder"
mkdir -p "$folder"/{usr/bin,usr/share/sbom,etc/ssl/certs}
hack/image/program.sh "$os" "$architecture" "$version" "$folder/usr/bin/lectern"
hack/image/sbom.sh "$version" "$folder/usr/bin/lectern" "$folder/usr/share/sbom/lectern.cdx.json"
install -m 644 "$bundle" "$folder/etc/ssl/certs/ca-certificates.crt"
echo 'lectern:x:65532:65532::/:/nonexistent' >"$folder/etc/passwd"
echo 'lectern:x:65532:' >"$folder/etc/group"
