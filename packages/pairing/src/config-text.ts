import { bracketed, type HostFacts } from './messages.ts';
import type { Place } from './place.ts';
import { sshReplicaOf, usesSsh } from './ssh-text.ts';

const text = (value: string): string => JSON.stringify(value);

/** True when the two hosts speak TLS with each other: all do but a Dovecot with `ssl = no`. */
export const usesTls = (own: HostFacts, peer: HostFacts): boolean =>
  !usesSsh(own, peer) && [own, peer].every(hasTls);

const hasTls = ({ tls, engine }: HostFacts): boolean => tls ?? engine === 'builtin';

/** `mail_replica` for the other host. */
export const replicaOf = (own: HostFacts, peer: HostFacts): string =>
  own.ssh !== undefined && peer.ssh !== undefined
    ? sshReplicaOf(peer.ssh, peer)
    : `${usesTls(own, peer) ? 'tcps' : 'tcp'}:${bracketed(peer.address)}:${peer.port}`;

/** The whole dsyncd.toml of one host. */
export function configText(own: HostFacts, peer: HostFacts, place: Place): string {
  const { files } = place;
  const head = [
    `# Made by \`dsyncadm pair\` for ${own.hostname} and ${peer.hostname}. Every setting: deploy/reference.md.`,
    `hostname = ${text(own.hostname)}`,
    `base_dir = ${text(place.runDir)}`,
    `state_dir = ${text(place.stateDir)}`,
    `mail_engine = ${text(own.engine)}`,
  ];
  const secret = usesSsh(own, peer) ? [] : [`doveadm_password_file = ${text(files.secret)}`];
  const channel = ['', '[channels.default]', `mail_replica = ${text(replicaOf(own, peer))}`];
  const lines =
    own.engine === 'builtin'
      ? [
          ...head,
          `mail_home = ${text(place.mailHome)}`,
          ...secret,
          ...channel,
          ...(usesTls(own, peer) ? sslTable(place) : []),
          ...(usesSsh(own, peer) ? sshTable(place) : []),
          ...listeners(own, peer, place),
        ]
      : [
          ...head,
          ...spoolOf(own, place),
          ...secret,
          ...channel,
          // For doctor, which asks the other end itself; syncs are Dovecot's.
          ...(usesTls(own, peer) ? ['', '[ssl]', `client_ca_file = ${text(place.files.authority)}`] : []),
          ...dovecotTables(own, place),
        ];
  return `${lines.join('\n')}\n`;
}

const sslTable = ({ files }: Place): readonly string[] => [
  '',
  '[ssl]',
  `client_ca_file = ${text(files.authority)}`,
  `server_cert_file = ${text(files.certificate)}`,
  `server_key_file = ${text(files.privateKey)}`,
];

const sshTable = ({ files }: Place): readonly string[] => [
  '',
  '[ssh]',
  `key_file = ${text(files.loginKey)}`,
  `known_hosts_file = ${text(files.knownHosts)}`,
];

const listeners = (own: HostFacts, peer: HostFacts, place: Place): readonly string[] => [
  ...(usesSsh(own, peer)
    ? []
    : [
        '',
        '[listeners.doveadm]',
        `address = ${text(place.listenAddress)}`,
        `port = ${own.port}`,
        `ssl = ${usesTls(own, peer)}`,
      ]),
  '',
  '# Point the LMTP transport of the MTA here.',
  '[listeners.lmtp]',
  `path = ${text(`${place.runDir}/lmtp`)}`,
];

const spoolOf = (own: HostFacts, place: Place): readonly string[] =>
  own.dovecot?.startsWith('2.4') === true
    ? [`notify_spool_dir = ${text(`${place.stateDir}/notify-spool`)}`]
    : [];

const dovecotTables = (own: HostFacts, place: Place): readonly string[] => [
  '',
  '[dovecot]',
  `doveadm_socket_path = ${text(`${place.dovecotRunDir}/dsyncd-doveadm`)}`,
  `auth_socket_path = ${text(`${place.dovecotRunDir}/dsyncd-userdb`)}`,
  ...(place.dovecotConfigFile === undefined ? [] : [`config_file = ${text(place.dovecotConfigFile)}`]),
  ...(own.dovecot?.startsWith('2.4') === true
    ? []
    : [
        '',
        '# Mail processes write here.',
        '[listeners.notify]',
        'mode = "0660"',
        `group = ${text(place.group)}`,
        '',
        '# For `doveadm replicator` and `dsyncadm replicator`.',
        '[listeners.replicator]',
        'mode = "0600"',
      ]),
];
