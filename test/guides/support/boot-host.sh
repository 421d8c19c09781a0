#!/bin/sh
# A throw-away host: systemd as its first process, on a copy of a Debian that nobody else sees. All that is written goes to memory,
# and away with the last process. Ends with the program that started it.
# $1: an empty folder; $2: layers of the Debian, the upper one first; $3: its name; $4: a checkout of dsyncd; $5: "inside" the second time
set -eu
place=$1 layers=$2 name=$3 checkout=$4
if [ "${5:-}" != inside ]; then
  # Each systemd needs a part of the control groups for itself, or it ends the services of another.
  groups=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)/dsyncd-guides-$(basename "$place")
  mkdir -p "$groups"
  echo $$ > "$groups/cgroup.procs"
  exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh "$0" "$@" inside
fi
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$place"
cd "$place"
mkdir upper work root upper-opt work-opt
mount -t overlay overlay -o "lowerdir=$layers,upperdir=upper,workdir=work" root
mount -t proc proc root/proc
mount -t sysfs -o ro sysfs root/sys
mount -t cgroup2 cgroup2 root/sys/fs/cgroup
for folder in dev run; do mount -t tmpfs -o mode=755 tmpfs root/$folder; done
mount -t tmpfs -o mode=1777 tmpfs root/tmp
for device in null zero full random urandom tty; do
  touch root/dev/$device
  mount --bind /dev/$device root/dev/$device
done
mkdir root/dev/shm root/dev/pts root/dev/mqueue root/dev/hugepages
mount -t tmpfs tmpfs root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
for number in 0:stdin 1:stdout 2:stderr; do ln -s fd/${number%%:*} root/dev/${number#*:}; done

# The clone of the guides, which install.sh builds in.
mkdir -p root/opt/dsyncd
mount -t overlay overlay -o "lowerdir=$checkout,upperdir=upper-opt,workdir=work-opt" root/opt/dsyncd

# In the place of `apt-get install npm`, which needs a network.
if [ ! -e root/usr/bin/npm ]; then
  npm=$(readlink -f "$(command -v npm)")
  mkdir -p root/usr/lib/node_modules
  mount --bind "${npm%/npm/bin/*}" root/usr/lib/node_modules
  cp "$(readlink -f "$(command -v node)")" root/usr/bin/node
  ln -s ../lib/node_modules/npm/bin/npm-cli.js root/usr/bin/npm
fi

# Nothing of what the copied system starts by itself.
rm -rf root/etc/systemd/system/*.wants root/etc/systemd/system/*.service root/etc/dsyncd root/var/lib/dsyncd root/srv/mail
rm -f root/usr/sbin/policy-rc.d
for unit in systemd-networkd.service systemd-resolved.service systemd-timesyncd.service console-getty.service; do
  ln -sf /dev/null root/etc/systemd/system/$unit
done
echo "$name" > root/etc/hostname
hostname "$name"
mkdir root/old
cd root
pivot_root . old
umount -l /old
rmdir /old
export container=dsyncd-guides PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
# Where systemd is: /lib is /usr/lib since Debian 12.
exec /lib/systemd/systemd --log-target=journal --show-status=no --unit=multi-user.target < /dev/null
