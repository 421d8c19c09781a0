# For scenario.sh: the Debian package.
dpkg_quiet() { dpkg --force-unsafe-io "$@" > /tmp/install.log 2>&1 || { cat /tmp/install.log; return 1; }; }
prefix=/usr
install_first() { dpkg_quiet -i /packages/first.deb; }
install_second() { dpkg_quiet -i /packages/second.deb; }
install_first_again() { install_first; }
version() { dpkg-query -W -f '${Version}' dsyncd; }
remove() { dpkg_quiet -r dsyncd; }
purge() { dpkg_quiet -P dsyncd; }
