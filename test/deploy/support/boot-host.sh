#!/bin/sh
# A host for a test: systemd as its first process, on a copy of a Debian that nobody else sees. All that is written goes to memory, and
# away with the last process. It has no network but `lo`.
# $1: an empty folder; $2: the root of the Debian; $3: name of the host; $4: a folder that the host has as /packages; $5: `inside` the
# second time
set -eu
place=$1 debian=$2 name=$3 packages=$4
if [ "${5:-}" != inside ]; then
  mount -t tmpfs -o mode=755 tmpfs "$place"
  mkdir "$place/upper" "$place/work" "$place/root" "$place/groups"
  # Each systemd gets control groups of its own: it ends what it finds in its groups, and does not know.
  mount -t cgroup2 cgroup2 "$place/groups"
  mkdir "$place/groups/$(basename "$place")"
  echo 0 > "$place/groups/$(basename "$place")/cgroup.procs"
  umount "$place/groups"
  exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh "$0" "$@" inside
fi

root=$place/root
hostname "$name"
ip link set lo up
mount -t overlay overlay -o "lowerdir=$debian,upperdir=$place/upper,workdir=$place/work" "$root"
mount -t proc proc "$root/proc"
# The kernel is that of this machine: its settings and modules are none of the host's.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
ln -s /dev/null "$root/etc/systemd/system/systemd-modules-load.service"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/dev/shm"
mkdir "$root/packages" "$root/old"
mount --bind "$packages" "$root/packages"
mount -o remount,bind,ro "$root/packages"
rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
echo "$name" > "$root/etc/hostname"
cd "$root"
pivot_root . old
umount -l /old
rmdir /old
exec env -i container=dsyncd-test /lib/systemd/systemd --log-target=journal --show-status=no --unit=multi-user.target < /dev/null
