import { DsyncdError } from '@dsyncd/core';
import type { HostFacts } from './messages.ts';
import type { Place } from './place.ts';

/** What deploy/dovecot-2.3 or deploy/dovecot-2.4 has for Dovecot, as shipped. */
export interface DovecotTemplates {
  /** 99-dsyncd.conf */
  readonly dropIn: string;
  /** tmpfiles.conf, of 2.3. */
  readonly tmpfiles?: string;
  /** dsyncd-notify.lua, of 2.4. */
  readonly lua?: string;
}

export interface DropInInput {
  readonly own: HostFacts;
  readonly place: Place;
  readonly secret: string;
  readonly isTls: boolean;
}

/** The shipped drop-in with the names of this host in it; Dovecot reads it, so that it holds the secret. */
export function dropInText(template: string, { own, place, secret, isTls }: DropInInput): string {
  const text = [
    ['doveadm_password = CHANGE-ME', `doveadm_password = ${secret}`],
    ['port = 12345', `port = ${own.port}`],
    ['user = vmail', `user = ${place.user}`],
    ['/etc/dovecot/dsyncd-notify.lua', place.files.lua],
    ['/var/lib/dsyncd/notify-spool', `${place.stateDir}/notify-spool`],
    ['/etc/dsyncd/host.pem', place.files.certificate],
    ['/etc/dsyncd/host.key', place.files.privateKey],
    ['/etc/dsyncd/ca.pem', place.files.authority],
  ].reduce((text, [from, to]) => replaced(text, from ?? '', to ?? '', template), template);
  return isTls ? withTls(text) : text;
}

/** What the drop-in has for TLS, which is shipped as a comment. */
const withTls = (text: string): string =>
  text
    .replace('#ssl = yes', () => 'ssl = yes')
    .replace(/^#protocol doveadm \{\n[^}]*^#\}/m, (block) => block.replace(/^#/gm, ''));

/** Brings Dovecot's folder of sockets to that of dsyncd. */
export const tmpfilesText = (template: string, place: Place): string =>
  template.replaceAll('/run/dovecot', place.dovecotRunDir).replaceAll('/run/dsyncd', place.runDir);

/** The links that such a file makes: where, and to what. */
export const linksOf = (tmpfiles: string): readonly { readonly path: string; readonly target: string }[] =>
  [...tmpfiles.matchAll(/^L\+\s+(\S+)(?:\s+-){4}\s+(\S+)$/gm)].map(([, path = '', target = '']) => ({
    path,
    target,
  }));

/** A name that the template has must be replaced; 2.3 has no Lua and no spool. */
function replaced(text: string, from: string, to: string, template: string): string {
  if (template.includes(from)) return text.replaceAll(from, () => to);
  if (from.startsWith('/')) return text;
  throw new DsyncdError('DSYNCD_INTERNAL', `the shipped drop-in for Dovecot has no "${from}"`, {
    outcome: 'operator',
  });
}
