import { dirname } from 'node:path';
import { configText, usesTls } from './config-text.ts';
import { type DovecotTemplates, dropInText, linksOf, tmpfilesText } from './dovecot-text.ts';
import type { Material } from './exchange.ts';
import type { HostFacts } from './messages.ts';
import type { Place } from './place.ts';
import { authorizedKeysText, knownHostsText, type SshInput, sshdText, usesSsh } from './ssh-text.ts';

export interface PlannedFolder {
  readonly path: string;
  readonly mode: number;
  /** `root` stays who makes it where that is not root. */
  readonly owner: 'root' | 'mail';
}

export interface PlannedFile {
  readonly path: string;
  readonly mode: number;
  readonly owner: 'root' | 'mail';
  /** The group of the mail's owner may read it, too. */
  readonly group: 'root' | 'mail';
  readonly what: string;
  readonly text: (material: Material) => string;
  /** The sample that the package installed, unchanged: it is put aside, and comes back with `undo`. */
  readonly replacesSample?: boolean;
}

/** All that a host gets. */
export interface Plan {
  readonly own: HostFacts;
  readonly peer: HostFacts;
  /** The owner of what is `mail`. */
  readonly user: string;
  readonly group: string;
  readonly folders: readonly PlannedFolder[];
  readonly files: readonly PlannedFile[];
  /** Of Dovecot's folder, made when the programs are started. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
  /** Units of systemd, or programs to start. */
  readonly services: readonly string[];
  /** TCP port that the other host must reach: of our own listener, or of sshd. */
  readonly port: number;
  readonly peerPort: number;
  /** sshd is to read its configuration again. */
  readonly isSsh: boolean;
  /** What a person should know beside that. */
  readonly notes: readonly string[];
}

export interface PlanInput {
  readonly own: HostFacts;
  readonly peer: HostFacts;
  readonly place: Place;
  /** Needed with engine dovecot. */
  readonly templates?: DovecotTemplates | undefined;
  /** The configuration that is there is the sample of the package, unchanged. */
  readonly hasSample: boolean;
  /** Needed with `ssh` in the facts of both. */
  readonly ssh?: SshInput | undefined;
}

/** Decides what a host gets. Pure: the same input is the same plan. */
export function makePlan(input: PlanInput): Plan {
  const { own, peer, place } = input;
  const isTls = usesTls(own, peer);
  const isSsh = usesSsh(own, peer);
  return {
    own,
    peer,
    user: place.user,
    group: place.group,
    folders: foldersOf(input),
    files: [
      {
        path: place.configFile,
        mode: 0o640,
        owner: 'root',
        group: 'mail',
        what: 'configuration of dsyncd',
        text: () => configText(own, peer, place),
        replacesSample: input.hasSample,
      },
      ...(isSsh
        ? sshFiles(input)
        : [secretFile(place.files.secret, 'secret that both hosts share', ({ secret }) => `${secret}\n`)]),
      ...(isTls ? certificateFiles(place) : []),
      ...(own.engine === 'dovecot' ? dovecotFiles(input, isTls) : []),
    ],
    links: own.engine === 'dovecot' ? linksOf(tmpfilesText(input.templates?.tmpfiles ?? '', place)) : [],
    services:
      own.engine === 'builtin' ? ['dsyncd', ...(isSsh ? [] : ['dsync-server']), 'dsync-lmtp'] : ['dsyncd'],
    port: isSsh ? (own.ssh?.port ?? 22) : own.port,
    peerPort: isSsh ? (peer.ssh?.port ?? 22) : peer.port,
    isSsh,
    notes: notesOf(own, peer, isTls || isSsh),
  };
}

function foldersOf({ own, place }: PlanInput): readonly PlannedFolder[] {
  return [
    { path: dirname(place.configFile), mode: 0o755, owner: 'root' },
    { path: place.runDir, mode: 0o755, owner: 'mail' },
    { path: place.stateDir, mode: 0o750, owner: 'mail' },
    ...(own.engine === 'builtin' ? [{ path: place.mailDir, mode: 0o700, owner: 'mail' } as const] : []),
  ];
}

const openFile = (path: string, what: string, text: PlannedFile['text']): PlannedFile => ({
  path,
  mode: 0o644,
  owner: 'root',
  group: 'root',
  what,
  text,
});

const secretFile = (path: string, what: string, text: PlannedFile['text']): PlannedFile => ({
  path,
  mode: 0o600,
  owner: 'mail',
  group: 'mail',
  what,
  text,
});

const certificateFiles = ({ files }: Place): readonly PlannedFile[] => [
  openFile(files.authority, 'certificate of the authority of this pair', ({ authority }) => authority),
  openFile(files.certificate, 'certificate of this host', ({ certificate }) => certificate),
  secretFile(files.privateKey, 'private key of this host', ({ privateKey }) => privateKey),
];

function sshFiles({ own, peer, place, ssh }: PlanInput): readonly PlannedFile[] {
  const { files } = place;
  if (ssh === undefined) return [];
  return [
    secretFile(files.loginKey, 'key to log in to the other host', () => ssh.privateKey),
    openFile(files.knownHosts, 'host keys of the other host', () => knownHostsText(peer)),
    openFile(files.authorizedKeys, 'the key of the other host, for one command', () =>
      authorizedKeysText(peer, ssh),
    ),
    openFile(files.sshdDropIn, "sshd's part", () => sshdText(own, place)),
  ];
}

function dovecotFiles({ own, place, templates }: PlanInput, isTls: boolean): readonly PlannedFile[] {
  if (templates === undefined) return [];
  const { dropIn, tmpfiles, lua } = templates;
  return [
    {
      path: place.files.dropIn,
      mode: 0o640,
      owner: 'root',
      group: 'mail',
      what: "Dovecot's part, with the secret in it",
      text: ({ secret }) => dropInText(dropIn, { own, place, secret, isTls }),
    },
    ...(tmpfiles === undefined
      ? []
      : [
          openFile(place.files.tmpfiles, "way from Dovecot's sockets to those of dsyncd", () =>
            tmpfilesText(tmpfiles, place),
          ),
        ]),
    ...(lua === undefined
      ? []
      : [openFile(place.files.lua, 'notes changes for dsyncd, run by Dovecot', () => lua)]),
  ];
}

function notesOf(own: HostFacts, peer: HostFacts, isEncrypted: boolean): readonly string[] {
  return [
    ...(isEncrypted
      ? []
      : [
          'A Dovecot of this pair has ssl = no: mail and secret go over the network unencrypted. Use a private network or a tunnel.',
        ]),
    ...(own.engine !== peer.engine
      ? [
          `${own.hostname} keeps mail in ${own.engine}, ${peer.hostname} in ${peer.engine}: both have the same mail, each in its own files.`,
        ]
      : []),
    ...(own.version === peer.version
      ? []
      : [`dsyncd ${own.version} here, ${peer.version} there: install the same version soon.`]),
  ];
}
