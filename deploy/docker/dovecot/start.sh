#!/bin/sh
# Mail processes look for the notification sockets in the folder of Dovecot; dsyncd makes them in its own.
set -eu
for name in replication-notify-fifo replication-notify; do
  ln -sfn "/run/dsyncd/$name" "/run/dovecot/$name"
done
exec dovecot -F
