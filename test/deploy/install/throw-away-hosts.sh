#!/bin/sh
# Makes two hosts that nobody else sees, copies of a Debian system, and runs scenario.sh on the first with a kind of package.
# $1: an empty folder; $2: folder with the packages; $3: the root of the Debian system that is copied; $4: deb, rpm or tar
# To be run in mount, process and network namespaces of its own.
set -eu
place=$1 packages=$2 system=$3 kind=$4
here=$(cd "$(dirname "$0")" && pwd)
ip link set lo up
# All that is written goes to memory, and away with the last process of the namespaces.
mount -t tmpfs -o mode=755 tmpfs "$place"
for host in one two; do
  root=$place/$host
  mkdir -p "$root" "$place/upper-$host" "$place/work-$host"
  mount -t overlay overlay -o "lowerdir=$system,upperdir=$place/upper-$host,workdir=$place/work-$host" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mkdir -p "$root/packages" "$root/scripts"
  mount --bind "$packages" "$root/packages"
  mount --bind "$here" "$root/scripts"
  # The Node that the package brings is to be used; 0.1.0 brings none.
  if [ ! -e "$packages/needs-node" ]; then rm -f "$root/usr/bin/node" "$root/usr/bin/nodejs"; fi
  rm -rf "$root/srv/mail" "$root/var/lib/dsyncd" "$root/etc/dsyncd" "$root/run/dsyncd" "$root"/etc/dpkg/dpkg.cfg.d/*
done
mkdir -p "$place/one/other-host"
mount --rbind "$place/two" "$place/one/other-host"
exec chroot "$place/one" /bin/sh /scripts/scenario.sh "$kind"
