import type { GuideHost } from './guide-host.ts';

export const siteUsers = ['anna', 'bert', 'cleo'].map((name) => `${name}@example.com`);

/** The mail server of a site before it reads a guide: users in a file, mail of `vmail` in sdbox. */
export async function installDovecot(host: GuideHost, version: '2.3' | '2.4'): Promise<void> {
  await host.run(`getent passwd vmail || useradd --system --home-dir /srv/mail vmail
install -d -o vmail -g vmail -m 700 /srv/mail`);
  const ids = (await host.run('echo $(id -u vmail):$(id -g vmail)')).trim();
  const users = siteUsers.map((user) => `${user}:{PLAIN}secret:${ids}::/srv/mail/${user}::\n`);
  host.write('/etc/dovecot/users', users.join(''));
  host.write('/etc/dovecot/conf.d/10-auth.conf', version === '2.3' ? auth23 : auth24);
  host.write('/etc/dovecot/conf.d/10-mail.conf', version === '2.3' ? mail23 : mail24);
  host.write('/etc/dovecot/conf.d/10-ssl.conf', 'ssl = no\n');
  // Debian's leaves the domain of a recipient out.
  host.write('/etc/dovecot/conf.d/20-lmtp.conf', '');
  await host.run('systemctl enable --now dovecot');
}

const auth23 = `passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
`;

const auth24 = `passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
}
userdb passwd-file {
  passwd_file_path = /etc/dovecot/users
}
`;

const inbox = 'first_valid_uid = 1\nnamespace inbox {\n  inbox = yes\n}\n';
const mail23 = `mail_location = sdbox:~/mail\n${inbox}`;
const mail24 = `mail_driver = sdbox\nmail_path = ~/mail\n${inbox}`;

/** As the documentation of Dovecot 2.3 has it. */
export const ownReplicator = (other: GuideHost): string => `mail_plugins = $mail_plugins notify replication
replication_dsync_parameters = -d -N -l 30 -U
service replicator {
  process_min_avail = 1
  unix_listener replicator-doveadm {
    mode = 0600
    user = vmail
  }
}
service aggregator {
  fifo_listener replication-notify-fifo {
    user = vmail
  }
  unix_listener replication-notify {
    user = vmail
  }
}
service doveadm {
  inet_listener {
    port = 12345
  }
}
doveadm_port = 12345
doveadm_password = "of#both "of#both"/"
plugin {
  mail_replica = tcp:${other.fullName}
}
`;
