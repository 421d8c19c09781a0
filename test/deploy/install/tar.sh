# For scenario.sh: the archive with its scripts.
prefix=/usr/local
from_archive() {
  rm -rf /tmp/unpacked
  mkdir /tmp/unpacked
  tar -xf "$1" -C /tmp/unpacked --strip-components=1
  /tmp/unpacked/install.sh > /tmp/install.log 2>&1 || { cat /tmp/install.log; return 1; }
  rm -rf /tmp/unpacked
}
install_first() { from_archive /packages/first.tar; }
install_second() { from_archive /packages/second.tar; }
install_first_again() { install_first; }
version() { dsyncadm --version | sed 's/.* //'; }
remove() { /usr/local/lib/dsyncd/uninstall.sh > /dev/null; }
