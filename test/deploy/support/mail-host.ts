import { onCleanup } from '../../e2e/support.ts';
import { PairCommand } from '../../e2e/support-pair.ts';
import { BootedHost, connectHosts, type DebianRelease } from './booted-host.ts';

const mailUid = 5_000;
/** What an administrator with virtual users changes in the configuration that Debian installs. */
const dovecotFiles: Readonly<Record<DebianRelease, Readonly<Record<string, string>>>> = {
  bookworm: {
    'conf.d/auth-passwdfile.conf.ext': [
      'passdb {\n  driver = passwd-file\n  args = /etc/dovecot/users\n}',
      'userdb {\n  driver = passwd-file\n  args = /etc/dovecot/users\n}\n',
    ].join('\n'),
    'local.conf': 'protocols = imap lmtp\nmail_location = maildir:~/Maildir\n',
  },
  trixie: {
    'conf.d/auth-passwdfile.conf.ext': [
      'passdb passwd-file {\n  passwd_file_path = /etc/dovecot/users\n}',
      'userdb passwd-file {\n  passwd_file_path = /etc/dovecot/users\n}\n',
    ].join('\n'),
    'local.conf':
      'protocols = imap lmtp\nmail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = ~/Maildir\n',
  },
};

/** A mail server as it may have run for years: a Debian with its Dovecot, virtual users with Maildirs, and nothing of dsyncd. */
export class MailHost {
  readonly host: BootedHost;

  private constructor(host: BootedHost) {
    this.host = host;
  }

  static async boot(
    release: DebianRelease,
    name: string,
    packages: string,
    users: readonly string[],
  ): Promise<MailHost> {
    const host = await BootedHost.boot(release, name, packages);
    try {
      await configure(host, release, users);
    } catch (error) {
      await host.stop();
      throw error;
    }
    return new MailHost(host);
  }

  /** Lays mails into Maildirs, as an MTA does. */
  async fill(mails: readonly (readonly [user: string, subject: string])[]): Promise<void> {
    const lines = mails.map(([user, subject], index) => `${user} ${index}.${subject}.${this.host.name}\n`);
    await this.host.shell(
      `cd /srv/vmail
      while read -r user name; do
        mkdir -p "$user/Maildir/new" "$user/Maildir/cur" "$user/Maildir/tmp"
        printf 'Message-ID: <%s>\\nSubject: %s\\n\\nText\\n' "$name" "$name" > "$user/Maildir/new/$name"
      done
      chown -R vmail: .`,
      lines.join(''),
    );
  }

  /** Every mail of every user, as its Dovecot has it: user, mailbox, GUID, Message-ID and flags. */
  async mails(): Promise<readonly string[]> {
    const fields = 'user mailbox guid hdr.message-id flags';
    const text = await this.host.output('doveadm', '-f', 'tab', 'fetch', '-A', fields, 'mailbox', '*');
    return text.split('\n').slice(1).filter(Boolean).sort();
  }

  /** `apt-get install` of the package in /packages. */
  install = (): Promise<string> =>
    this.host.shell(
      'apt-get install --yes /packages/dsyncd_*.deb 2>&1 || { tail -n 40 /var/log/dpkg.log; exit 1; }',
    );

  /** `dsyncadm pair` with these arguments, unattended. */
  pair = (args: readonly string[], input = ''): PairCommand =>
    new PairCommand(args, input, (all) => this.host.spawn('dsyncadm', all));
}

async function configure(host: BootedHost, release: DebianRelease, users: readonly string[]): Promise<void> {
  for (const [file, text] of Object.entries(dovecotFiles[release]))
    await host.write(`/etc/dovecot/${file}`, text);
  const line = (user: string): string => `${user}:{PLAIN}x:${mailUid}:${mailUid}::/srv/vmail/${user}::\n`;
  await host.write('/etc/dovecot/users', users.map(line).join(''));
  await host.shell(`
    useradd --uid ${mailUid} --user-group --no-create-home --shell /usr/sbin/nologin vmail
    sed -i s/auth-system/auth-passwdfile/ /etc/dovecot/conf.d/10-auth.conf
    install -d -o vmail -g vmail /srv/vmail
    systemctl restart dovecot`);
}

/** Two such hosts with a cable between them, mx1.example.test and mx2.example.test; they end after the tests of the file. */
export async function bootPair(
  [first, second]: readonly [DebianRelease, DebianRelease],
  packages: string,
  users: readonly string[],
): Promise<readonly [MailHost, MailHost]> {
  const booting = [
    MailHost.boot(first, 'mx1.example.test', packages, users),
    MailHost.boot(second, 'mx2.example.test', packages, users),
  ] as const;
  onCleanup(async () => {
    for (const booted of await Promise.allSettled(booting))
      if (booted.status === 'fulfilled') await booted.value.host.stop();
  });
  const [one, two] = await Promise.all(booting);
  await connectHosts(one.host, two.host);
  return [one, two];
}
