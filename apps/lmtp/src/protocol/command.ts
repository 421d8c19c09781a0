/** LMTP commands (RFC 2033, RFC 5321), parsed from one line. */
export type Command =
  | { readonly type: 'lhlo' }
  | { readonly type: 'mail'; readonly size: number | undefined }
  | { readonly type: 'rcpt'; readonly address: string }
  | { readonly type: 'data' | 'rset' | 'noop' | 'quit' | 'vrfy' }
  | { readonly type: 'wrong'; readonly reply: string };

const wrong = (reply: string): Command => ({ type: 'wrong', reply });

/** @param line - without its line end */
export function parseCommand(line: string): Command {
  const [, verb = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(line) ?? [];
  switch (verb.toUpperCase()) {
    case 'LHLO':
      return rest === '' ? wrong('501 5.5.4 LHLO needs a host name') : { type: 'lhlo' };
    case 'HELO':
    case 'EHLO':
      return wrong('500 5.5.1 This is LMTP: use LHLO');
    case 'MAIL':
      return parseMail(rest);
    case 'RCPT':
      return parseRecipient(rest);
    case 'DATA':
      return { type: 'data' };
    case 'RSET':
      return { type: 'rset' };
    case 'NOOP':
      return { type: 'noop' };
    case 'QUIT':
      return { type: 'quit' };
    case 'VRFY':
      return { type: 'vrfy' };
    default:
      return wrong('500 5.5.2 Unknown command');
  }
}

function parseMail(rest: string): Command {
  const match = /^FROM:\s*<[^>]*>((?:\s+\S+)*)\s*$/i.exec(rest);
  if (match === null) return wrong('501 5.5.4 Expected MAIL FROM:<address>');
  const size = /(?:^|\s)SIZE=(\d{1,15})(?:\s|$)/i.exec(match[1] ?? '')?.[1];
  return { type: 'mail', size: size === undefined ? undefined : Number(size) };
}

function parseRecipient(rest: string): Command {
  // A source route (<@relay:user@domain>) is to be ignored, says RFC 5321 appendix C.
  const match = /^TO:\s*<(?:@[^:>]*:)?((?:"(?:[^"\\]|\\.)*"|[^">])+)>(?:\s+\S+)*\s*$/i.exec(rest);
  return match?.[1] === undefined
    ? wrong('501 5.1.3 Expected RCPT TO:<address>')
    : { type: 'rcpt', address: unquoteLocalPart(match[1]) };
}

/** `"a b"@x` is the user `a b@x`. */
function unquoteLocalPart(address: string): string {
  const match = /^"((?:[^"\\]|\\.)*)"(@.*)?$/s.exec(address);
  if (match === null) return address;
  return (match[1] ?? '').replaceAll(/\\(.)/gs, '$1') + (match[2] ?? '');
}
