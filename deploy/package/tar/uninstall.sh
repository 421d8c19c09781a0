#!/bin/sh
# Removes what install.sh put there. Mail, queue, configuration, secrets and the user stay.
set -eu
library=$(cd "$(dirname "$0")" && pwd)
prefix=${library%/lib/dsyncd}
destination=${DESTDIR:-}
if [ -z "$destination" ] && [ -d /run/systemd/system ] && command -v systemctl > /dev/null; then
  # The sockets first: they would start dsyncd again.
  for unit in dsyncd.socket dsyncd-notify.socket dsync-lmtp.service dsyncd.service dsync-server.service; do
    systemctl disable --now "$unit" || true
  done
fi
for name in dsyncd dsync-server dsync-lmtp dsyncadm dsyncd-fifo-keeper; do rm -f "$prefix/bin/$name"; done
for name in dsyncd.service dsync-server.service dsync-lmtp.service dsyncd.socket dsyncd-notify.socket; do
  rm -f "$destination/etc/systemd/system/$name"
done
while read -r file; do rm -f "$prefix/share/$file"; done < "$library/shared-files"
rm -rf "$prefix/share/doc/dsyncd" "$library"
if [ -z "$destination" ] && [ -d /run/systemd/system ] && command -v systemctl > /dev/null; then systemctl daemon-reload; fi
echo "dsyncd is removed. Left in place: /etc/dsyncd, /var/lib/dsyncd, /srv/mail and the user vmail."
