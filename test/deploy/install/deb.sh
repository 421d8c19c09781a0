# For scenario.sh: the Debian package. That of 0.1.0 says that it needs a Node 20, which is there but in no package; a later sample of
# the configuration must not take the place of the one in use.
dpkg_quiet() { dpkg --force-unsafe-io --force-depends --force-confold "$@" > /tmp/install.log 2>&1 || { cat /tmp/install.log; return 1; }; }
prefix=/usr
install_first() { dpkg_quiet -i /packages/first.deb; }
install_second() { dpkg_quiet -i /packages/second.deb; }
install_first_again() { install_first; }
version() { dpkg-query -W -f '${Version}' dsyncd; }
remove() { dpkg_quiet -r dsyncd; }
purge() { dpkg_quiet -P dsyncd; }
