#!/bin/sh
# install.sh [PREFIX]: puts dsyncd with its own Node below PREFIX (default /usr/local), units into /etc/systemd/system, and a first
# configuration into /etc/dsyncd. Run the one of a newer archive to upgrade, of an older one to go back. With DESTDIR set, nothing
# outside of that folder is changed and nothing is started. It needs root, glibc 2.34 and libstdc++ of GCC 11 or newer.
set -eu
prefix=${1:-/usr/local}
case $prefix in
/*) ;;
*) echo "install.sh: PREFIX must begin with /" >&2; exit 64 ;;
esac
destination=${DESTDIR:-}
here=$(cd "$(dirname "$0")" && pwd)
library=$destination$prefix/lib/dsyncd
"$here/lib/bin/node" --version > /dev/null || { echo "install.sh: this archive is for another processor or an older system" >&2; exit 1; }

fill() { # FROM TO MODE
  sed "s|@PREFIX@|$prefix|g" "$1" > "$2.new"
  chmod "$3" "$2.new"
  mv -f "$2.new" "$2"
}
has_systemd() { [ -z "$destination" ] && [ -d /run/systemd/system ] && command -v systemctl > /dev/null; }

# All that runs is stopped before a file changes, and started when all have: programs of two versions may not know each other's
# locks. dsyncd last, as its sockets start it again at the next change.
running=
if has_systemd; then
  for unit in dsync-lmtp.service dsync-server.service dsyncd.service; do
    if systemctl is-active --quiet "$unit"; then
      running="$unit $running"
      systemctl stop "$unit"
    fi
  done
fi

install -d "$destination$prefix/lib" "$destination$prefix/bin" "$destination$prefix/share/doc" "$destination/etc/systemd/system"
rm -rf "$library.new" "$library.old"
cp -R "$here/lib" "$library.new"
cp "$here/uninstall.sh" "$library.new/uninstall.sh"
# Manual pages and completions lie among those of others.
(cd "$here/share" && find . -type f) > "$library.new/shared-files"
remove_shared() { # LIST
  if [ -e "$1" ]; then while read -r file; do rm -f "$destination$prefix/share/$file"; done < "$1"; fi
}
remove_shared "$library/shared-files"
while read -r file; do install -D -m 644 "$here/share/$file" "$destination$prefix/share/$file"; done < "$library.new/shared-files"
if [ -e "$library" ]; then mv "$library" "$library.old"; fi
mv "$library.new" "$library"
rm -rf "$library.old" "$destination$prefix/share/doc/dsyncd"
cp -R "$here/doc" "$destination$prefix/share/doc/dsyncd"
for file in "$here"/bin/*; do fill "$file" "$destination$prefix/bin/${file##*/}" 755; done
for file in "$here"/units/*; do fill "$file" "$destination/etc/systemd/system/${file##*/}" 644; done
# Belongs to root, whoever unpacked the archive.
if [ "$(id -u)" = 0 ]; then chown -R 0:0 "$library" "$destination$prefix/share/doc/dsyncd"; fi

if [ ! -e "$destination/etc/dsyncd/dsyncd.toml" ]; then
  install -d -m 755 "$destination/etc/dsyncd"
  install -m 644 "$here/dsyncd.toml" "$destination/etc/dsyncd/dsyncd.toml"
fi
if [ -z "$destination" ]; then
  getent passwd vmail > /dev/null || {
    getent group vmail > /dev/null || groupadd --system vmail
    useradd --system --gid vmail --no-create-home --home-dir /srv/mail --shell /usr/sbin/nologin vmail
  }
  # Folders that are there already stay as they are: others may look after them.
  for folder in /var/lib/dsyncd /srv/mail; do
    [ -d "$folder" ] || install -d -o vmail -g vmail -m 750 "$folder"
  done
fi
if has_systemd; then
  systemctl daemon-reload
  for unit in $running; do systemctl start "$unit"; done
fi
echo "dsyncd is installed below $prefix. Adapt /etc/dsyncd/dsyncd.toml, then: systemctl enable --now dsyncd dsync-server dsync-lmtp"
echo "To remove it: $prefix/lib/dsyncd/uninstall.sh"
