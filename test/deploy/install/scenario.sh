#!/bin/sh
# What an operator does with a package on two hosts, this one and the one in /other-host. Prints "STEP ..." for all that is as it
# should be; whoever runs this compares. $1: deb, rpm or tar
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
. "/scripts/$1.sh"
say() { echo "STEP $*"; }
await() { # WHAT, then a command that succeeds at last
  what=$1; shift
  for _ in $(seq 300); do if "$@" > /dev/null 2>&1; then return; fi; sleep 0.1; done
  echo "never came: $what"; cat /tmp/*.service.log /other-host/tmp/*.service.log; return 1
}
# Runs a function of this file, or a command, on the other host.
other() { chroot /other-host /bin/sh -c "set -eu; . /scripts/$kind.sh; . /scripts/services.sh; $*"; }
kind=$1
read -r first_version second_version < /packages/versions
. /scripts/services.sh

install_first
other install_first
getent passwd vmail > /dev/null && say "user is there"
[ "$(stat -c %U:%a /srv/mail)" = vmail:750 ] && [ "$(stat -c %U /var/lib/dsyncd)" = vmail ] && say "folders are there"
[ -z "$(find "$prefix/lib/dsyncd" ! -user root -o -perm /022 ! -type l)" ] && say "programs belong to root"
for program in dsyncd dsync-server dsync-lmtp; do "$program" --help > /dev/null; done
dsyncadm --version > /dev/null
[ "$(dsyncadm --version)" != "" ] && say "programs start"

configure() { # NAME OWN-ADDRESS OTHER-ADDRESS ROOT
  echo secret-of-both-hosts > "$4/etc/dsyncd/secret"
  chroot "$4/" chown vmail /etc/dsyncd/secret
  chmod 600 "$4/etc/dsyncd/secret"
  cat > "$4/etc/dsyncd/dsyncd.toml" <<TOML
# written by the administrator
hostname = "$1.example.com"
base_dir = "/run/dsyncd"
state_dir = "/var/lib/dsyncd"
mail_home = "/srv/mail/%{user}"
doveadm_password_file = "/etc/dsyncd/secret"
replication_failure_resync_interval = "1s"
[channels.default]
mail_replica = "tcp:$3:12345"
[listeners.doveadm]
address = "$2"
port = 12345
ssl = false
[listeners.lmtp]
path = "/run/dsyncd/lmtp"
TOML
}
configure mx1 127.0.0.1 127.0.0.2 ""
configure mx2 127.0.0.2 127.0.0.1 /other-host

mails() { grep -rl "Subject: $1" "${2:-}/srv/mail" 2> /dev/null | wc -l; }
arrives() { await "mail \"$1\" on the other host" sh -c "grep -rqs 'Subject: $1' /other-host/srv/mail"; }
deliver() { # SUBJECT
  printf 'LHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\nSubject: %s\r\n\r\nText\r\n.\r\nQUIT\r\n' "$1" |
    perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => "/run/dsyncd/lmtp") or die; $s->autoflush; <$s>;
      while (<STDIN>) { print $s $_ } while (<$s>) { print }' | grep -q '^250 .*[Ss]aved\|^250 2'
}
start_here() {
  for unit in dsyncd dsync-server dsync-lmtp; do start_unit "$unit"; done
  await "status" dsyncadm replicator status
  await "LMTP" test -S /run/dsyncd/lmtp
}
other "start_unit dsync-server; start_unit dsyncd"
start_here
grep -q UV_THREADPOOL_SIZE=16 "/proc/$(process_of dsyncd)/environ" && say "threads are set"
[ "$(stat -c %U "/proc/$(process_of dsyncd)")" = vmail ] && say "services run as their user"
deliver first-mail && say "mail is taken"
[ "$(mails first-mail)" -ge 1 ] && say "mail is there"
arrives first-mail && say "mail is on the other host"

# With changes that wait, and programs that run.
other "stop_units"
deliver second-mail
install_second
grep -q 'written by the administrator' /etc/dsyncd/dsyncd.toml && say "configuration survives the upgrade"
[ "$(version)" = "$second_version" ] && say "upgraded"
stop_units
start_here
dsyncadm replicator status '*' | grep -q ann@example.com && say "new version knows the queue"
other "start_unit dsync-server; start_unit dsyncd"
arrives second-mail && say "what waited arrives after the upgrade, from the new version at the old one"

other "stop_units"
deliver third-mail
install_first_again
[ "$(version)" = "$first_version" ] && say "downgraded"
stop_units
start_here
dsyncadm replicator status '*' | grep -q ann@example.com && say "old version, back again, knows the queue"
other "start_unit dsync-server; start_unit dsyncd"
arrives third-mail && say "what waited arrives after the downgrade"
[ "$(mails first-mail)$(mails second-mail)$(mails third-mail)" = "$(mails first-mail /other-host)$(mails second-mail /other-host)$(mails third-mail /other-host)" ] && say "both hosts have every mail as often"
stop_units
other "stop_units"

remove
[ ! -e "$prefix/lib/dsyncd" ] && [ ! -e "$prefix/bin/dsyncd" ] && [ -z "$(unit_file dsyncd)" ] && say "removed"
# rpm keeps a changed configuration under another name.
[ -n "$(find /etc/dsyncd -name 'dsyncd.toml*')" ] && [ "$(mails first-mail)" -ge 1 ] && [ -e /var/lib/dsyncd/queue.sqlite ] && say "removal leaves mail, queue and configuration"
if [ "$kind" = deb ]; then
  purge
  [ ! -e /etc/dsyncd/dsyncd.toml ] && say "purge takes the configuration"
fi
[ "$(mails first-mail)" -ge 1 ] && [ -e /var/lib/dsyncd/queue.sqlite ] && [ -e /etc/dsyncd/secret ] && getent passwd vmail > /dev/null && say "mail, queue, secret and user stay"
