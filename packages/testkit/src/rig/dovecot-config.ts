export const mailFormats = ['sdbox', 'mdbox', 'maildir'] as const;
export type MailFormat = (typeof mailFormats)[number];

export const dovecotVersions = ['2.3', '2.4'] as const;
export type DovecotVersion = (typeof dovecotVersions)[number];

export interface DovecotOptions {
  readonly version: DovecotVersion;
  readonly users: readonly string[];
  /** Default `sdbox`. */
  readonly mailFormat?: MailFormat;
  /** What the host calls itself in a sync; must differ from the other side's. Default: the machine's name. */
  readonly hostname?: string;
  /** Of its doveadm service. Default `secret`. */
  readonly secret?: string;
  /** With it the doveadm service listens with TLS too. */
  readonly certificate?: { readonly certFile: string; readonly keyFile: string };
  /** Whom it trusts as a client. */
  readonly caFile?: string;
  /** Further lines for the top of its configuration. */
  readonly settings?: readonly string[];
}

/** Where one instance has what. */
export interface DovecotPlace {
  readonly folder: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly usersFile: string;
  /** One home a user below it. */
  readonly mailFolder: string;
  readonly doveadmSocket: string;
  readonly imapPort: number;
  readonly lmtpPort: number;
  readonly doveadmPort: number;
  readonly doveadmTlsPort: number;
  readonly doveadmHttpPort: number;
  readonly environment: Readonly<Record<string, string>>;
}

type Lines = readonly (string | false | undefined)[];

export const dovecotConfig = (options: DovecotOptions, place: DovecotPlace): string =>
  `${(options.version === '2.3' ? config23 : config24)(options, place)
    .filter((line) => typeof line === 'string')
    .join('\n')}\n`;

const mailPath = ({ mailFormat }: DovecotOptions): string =>
  mailFormat === 'maildir' ? '~/Maildir' : '~/mail';

/** Without root every process runs as the one user there is. */
function rootless23(): string[] {
  if (process.getuid?.() === 0) return [];
  const user = process.env.USER ?? 'nobody';
  return [
    `default_internal_user = ${user}`,
    `default_login_user = ${user}`,
    `default_internal_group = ${user}`,
    'service anvil {',
    '  chroot =',
    '}',
    'service imap-login {',
    '  chroot =',
    '}',
    'service stats {',
    '  chroot =',
    '}',
  ];
}

const services = (place: DovecotPlace, hasTls: boolean): Lines => [
  'service imap-login {',
  '  inet_listener imap {',
  `    port = ${place.imapPort}`,
  '  }',
  '  inet_listener imaps {',
  '    port = 0',
  '  }',
  '}',
  'service lmtp {',
  '  inet_listener lmtp {',
  `    port = ${place.lmtpPort}`,
  '  }',
  '}',
  'service doveadm {',
  '  inet_listener plain {',
  `    port = ${place.doveadmPort}`,
  '  }',
  '  inet_listener http {',
  `    port = ${place.doveadmHttpPort}`,
  '  }',
  ...(hasTls ? ['  inet_listener tls {', `    port = ${place.doveadmTlsPort}`, '    ssl = yes', '  }'] : []),
  '}',
];

const config23 = (options: DovecotOptions, place: DovecotPlace): Lines => [
  `base_dir = ${place.folder}/run`,
  `state_dir = ${place.folder}/state`,
  `instance_name = ${place.folder.split('/').at(-1)}`,
  `log_path = ${place.logFile}`,
  'protocols = imap lmtp',
  'listen = 127.0.0.1',
  'first_valid_uid = 1',
  'first_valid_gid = 1',
  'disable_plaintext_auth = no',
  'auth_mechanisms = plain',
  `mail_location = ${options.mailFormat ?? 'sdbox'}:${mailPath(options)}`,
  'mail_attribute_dict = file:%h/dovecot-attributes',
  'imap_metadata = yes',
  options.certificate === undefined ? 'ssl = no' : 'ssl = yes',
  options.certificate && `ssl_cert = <${options.certificate.certFile}`,
  options.certificate && `ssl_key = <${options.certificate.keyFile}`,
  options.caFile && `ssl_client_ca_file = ${options.caFile}`,
  `doveadm_password = ${options.secret ?? 'secret'}`,
  ...(options.settings ?? []),
  'namespace inbox {',
  '  inbox = yes',
  '  separator = /',
  '}',
  'passdb {',
  '  driver = passwd-file',
  `  args = username_format=%u ${place.usersFile}`,
  '}',
  'userdb {',
  '  driver = passwd-file',
  `  args = username_format=%u ${place.usersFile}`,
  '}',
  ...rootless23(),
  ...services(place, options.certificate !== undefined),
];

const config24 = (options: DovecotOptions, place: DovecotPlace): Lines => [
  'dovecot_config_version = 2.4.1',
  'dovecot_storage_version = 2.4.1',
  `base_dir = ${place.folder}/run`,
  `state_dir = ${place.folder}/state`,
  `instance_name = ${place.folder.split('/').at(-1)}`,
  `log_path = ${place.logFile}`,
  'protocols = imap lmtp',
  'listen = 127.0.0.1',
  'first_valid_uid = 1',
  'first_valid_gid = 1',
  'auth_allow_cleartext = yes',
  'auth_mechanisms = plain',
  `mail_driver = ${options.mailFormat ?? 'sdbox'}`,
  `mail_path = ${mailPath(options)}`,
  'imap_metadata = yes',
  'mail_attribute {',
  '  dict file {',
  '    path = %{home}/dovecot-attributes',
  '  }',
  '}',
  options.certificate === undefined ? 'ssl = no' : 'ssl = yes',
  options.certificate && `ssl_server_cert_file = ${options.certificate.certFile}`,
  options.certificate && `ssl_server_key_file = ${options.certificate.keyFile}`,
  options.caFile && `ssl_client_ca_file = ${options.caFile}`,
  `doveadm_password = ${options.secret ?? 'secret'}`,
  ...(options.settings ?? []),
  'namespace inbox {',
  '  inbox = yes',
  '  separator = /',
  '}',
  'passdb passwd-file {',
  `  passwd_file_path = ${place.usersFile}`,
  '}',
  'userdb passwd-file {',
  `  passwd_file_path = ${place.usersFile}`,
  '}',
  ...services(place, options.certificate !== undefined),
];
