/** `mail_replica` in parts. */
export type Replica =
  | {
      readonly type: 'tcp' | 'tcps';
      readonly host: string;
      /** Missing: `doveadm_port`. */
      readonly port?: number;
    }
  | {
      /** `remoteprefix` sends the user name as a first line; see the SSH transport. */
      readonly type: 'remote' | 'remoteprefix';
      readonly host: string;
      readonly login?: string;
      readonly port?: number;
    };

/** Either the parts, or what is wrong with the text. */
export function parseReplica(text: string): Replica | { readonly problem: string } {
  const match =
    /^(tcps?|remote|remoteprefix):(?:([^@\s]+)@)?(\[[0-9A-Fa-f:.%]+\]|[^\s:@/[\]]+)(?::(\d{1,5}))?$/.exec(
      text,
    );
  const [, type, login, hostText, portText] = match ?? [];
  if (type === undefined || hostText === undefined)
    return {
      problem:
        'expected "tcps:HOST", "tcps:HOST:PORT", "tcp:HOST", "remote:LOGIN@HOST" or "remoteprefix:LOGIN@HOST"',
    };
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && (port < 1 || port > 65_535))
    return { problem: 'the port must be from 1 to 65535' };
  const host = hostText.replace(/^\[|\]$/g, '');
  // A leading dash would be read as an option by an ssh program.
  if (host.startsWith('-') || login?.startsWith('-'))
    return { problem: 'host and login must not begin with "-"' };
  const place = { host, ...(port === undefined ? {} : { port }) };
  if (type === 'tcp' || type === 'tcps')
    return login === undefined ? { type, ...place } : { problem: 'a login goes with "remote:" only' };
  return {
    type: type === 'remote' ? 'remote' : 'remoteprefix',
    ...place,
    ...(login === undefined ? {} : { login }),
  };
}
