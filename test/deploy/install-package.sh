#!/bin/sh
# Installs, starts, upgrades, downgrades, removes and purges the package, in a copy of a Debian system that nobody else sees.
# $1: an empty folder; $2: folder with first.deb and second.deb (newer); $3: the root of the Debian system that is copied
set -eu
root=$1 packages=$2 system=$3
if [ "$system" != inside ]; then
  # All that is written goes to memory, and away with the last process of this namespace.
  mount -t tmpfs -o mode=755 tmpfs "$root"
  mkdir "$root/upper" "$root/work" "$root/merged"
  mount -t overlay overlay -o "lowerdir=$system,upperdir=$root/upper,workdir=$root/work" "$root/merged"
  mount -t proc proc "$root/merged/proc"
  mount --rbind /dev "$root/merged/dev"
  mkdir -p "$root/merged/packages"
  mount --bind "$packages" "$root/merged/packages"
  # The one that the package brings is to be used.
  rm -f "$root/merged/usr/bin/node" "$root/merged/usr/bin/nodejs"
  rm -rf "$root/merged/srv/mail" "$root/merged/var/lib/dsyncd" "$root/merged/etc/dsyncd"
  cp "$0" "$root/merged/install-package.sh"
  exec chroot "$root/merged" /bin/sh /install-package.sh / /packages inside
fi

export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
dpkg_quiet() { dpkg --force-unsafe-io "$@" > /tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; return 1; }; }
say() { echo "STEP $*"; }
await() { # WHAT, then a command that succeeds at last
  what=$1; shift
  for _ in $(seq 200); do if "$@" > /dev/null 2>&1; then return; fi; sleep 0.1; done
  echo "never came: $what"; cat /tmp/dsyncd.log; return 1
}

rm -f /etc/dpkg/dpkg.cfg.d/*
dpkg_quiet -i "$packages/first.deb"
getent passwd vmail > /dev/null && say "user is there"
[ "$(stat -c %U:%a /srv/mail)" = vmail:750 ] && [ "$(stat -c %U /var/lib/dsyncd)" = vmail ] && say "folders are there"
[ "$(stat -c %U /usr/lib/dsyncd)" = root ] && [ -z "$(find /usr/lib/dsyncd ! -user root -o -perm /022 ! -type l)" ] && say "programs belong to root"
for program in dsyncd dsync-server dsync-lmtp; do "$program" --help > /dev/null; done
dsyncadm --version > /dev/null
say "programs start"

echo secret-of-both-hosts > /etc/dsyncd/secret
chown vmail /etc/dsyncd/secret
chmod 600 /etc/dsyncd/secret
cat > /etc/dsyncd/dsyncd.toml <<'TOML'
# written by the administrator
hostname = "mx1.example.com"
base_dir = "/run/dsyncd"
doveadm_password_file = "/etc/dsyncd/secret"
[channels.default]
mail_replica = "tcp:127.0.0.1:1"
[listeners.lmtp]
path = "/run/dsyncd/lmtp"
TOML
install -d -o vmail -m 755 /run/dsyncd
program() { # of a NAME that runs, its process
  for process in /proc/[0-9]*; do
    if tr '\0' ' ' < "$process/cmdline" | grep -q "^/usr/lib/dsyncd/bin/node /usr/lib/dsyncd/build/$1.js"; then echo "${process#/proc/}"; fi
  done
}
start() {
  runuser -u vmail -- "$1" >> /tmp/dsyncd.log 2>&1 &
}
start dsyncd
daemon=$!
start dsync-lmtp
lmtp=$!
await "status" dsyncadm replicator status
await "LMTP" test -S /run/dsyncd/lmtp
grep -q UV_THREADPOOL_SIZE=16 "/proc/$(program dsyncd)/environ" && say "threads are set"
printf 'LHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\nSubject: kept\r\n\r\nText\r\n.\r\nQUIT\r\n' |
  perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => "/run/dsyncd/lmtp") or die; $s->autoflush; <$s>;
    while (<STDIN>) { print $s $_ } while (<$s>) { print }' | grep -q '^250 .*[Ss]aved\|^250 2' && say "mail is taken"
mails() { find /srv/mail -type f -print0 | xargs -0 grep -l 'Subject: kept' | wc -l; }
[ "$(mails)" -ge 1 ] && say "mail is there"

dpkg_quiet -i "$packages/second.deb"
grep -q 'written by the administrator' /etc/dsyncd/dsyncd.toml && say "configuration survives the upgrade"
[ "$(dpkg-query -W -f '${Version}' dsyncd)" = "$(dpkg-deb -f "$packages/second.deb" Version)" ] && say "upgraded"
kill "$daemon" "$lmtp"
wait "$daemon" "$lmtp" || true
start dsyncd
daemon=$!
await "ann is known to the new version" sh -c "dsyncadm replicator status '*' | grep -q ann@example.com"
say "new version knows the queue"
kill "$daemon"
wait "$daemon" || true

dpkg_quiet -i "$packages/first.deb"
start dsyncd
daemon=$!
await "ann is known to the old version again" sh -c "dsyncadm replicator status '*' | grep -q ann@example.com"
say "old version, back again, knows the queue"
kill "$daemon"
wait "$daemon" || true

dpkg_quiet -r dsyncd
[ ! -e /usr/lib/dsyncd ] && [ ! -e /usr/bin/dsyncd ] && [ ! -e /lib/systemd/system/dsyncd.service ] && say "removed"
[ -e /etc/dsyncd/dsyncd.toml ] && [ "$(mails)" -ge 1 ] && [ -e /var/lib/dsyncd/queue.sqlite ] && say "removal leaves mail, queue and configuration"
dpkg_quiet -P dsyncd
[ ! -e /etc/dsyncd/dsyncd.toml ] && say "purge takes the configuration"
[ "$(mails)" -ge 1 ] && [ -e /var/lib/dsyncd/queue.sqlite ] && [ -e /etc/dsyncd/secret ] && getent passwd vmail > /dev/null && say "purge leaves mail, queue, secret and user"
