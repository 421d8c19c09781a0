# For scenario.sh: the RPM, on a Debian that has rpm. Its own database knows none of the libraries that it needs.
rpm_quiet() { rpm --dbpath /var/lib/rpm-tried --nodeps "$@" > /tmp/install.log 2>&1 || { cat /tmp/install.log; return 1; }; }
prefix=/usr
install_first() { rpm_quiet -i /packages/first.rpm; }
install_second() { rpm_quiet -U /packages/second.rpm; }
install_first_again() { rpm_quiet -U --oldpackage /packages/first.rpm; }
version() { rpm --dbpath /var/lib/rpm-tried -q --queryformat '%{VERSION}' dsyncd; }
remove() { rpm_quiet -e dsyncd; }
