#!/bin/sh
# dsyncd-fifo-keeper [FIFO]: holds the notification FIFO open where no systemd does it (dsyncd.socket), so that what mail
# processes write while dsyncd is not there waits in it (up to 64 KB). Run it beside dsyncd, as its user, started before it and
# not ended with it. It makes the FIFO when it is missing; dsyncd gives it the mode that its configuration says.
set -eu
fifo=${1:-/run/dsyncd/replication-notify-fifo}
[ -p "$fifo" ] || mkfifo -m 660 -- "$fifo" || [ -p "$fifo" ]
# Open for reading and writing: neither waits for another end, nor ends with one.
exec 3<> "$fifo"
exec sleep infinity
