import { describe, expect, it } from 'vitest';
import { DsyncdError, parseDestination } from '../src/index.ts';

const defaults = { doveadmPort: 12345 };

describe('mail_replica', () => {
  it.each([
    ['tcp:mx2.example.com', { kind: 'tcp', tls: false, host: 'mx2.example.com', port: 12345 }],
    ['tcps:mx2.example.com:993', { kind: 'tcp', tls: true, host: 'mx2.example.com', port: 993 }],
    ['tcp:192.0.2.1:1', { kind: 'tcp', tls: false, host: '192.0.2.1', port: 1 }],
    ['tcps:[2001:db8::1]', { kind: 'tcp', tls: true, host: '2001:db8::1', port: 12345 }],
    ['tcp:[fe80::1%eth0]:65535', { kind: 'tcp', tls: false, host: 'fe80::1%eth0', port: 65535 }],
    ['remote:vmail@mx2', { kind: 'ssh', login: 'vmail', host: 'mx2', port: 22, sendsUserName: false }],
    ['remote:vmail@mx2:2222', { kind: 'ssh', login: 'vmail', host: 'mx2', port: 2222, sendsUserName: false }],
    [
      'remote:a@b.test@[::1]:22',
      { kind: 'ssh', login: 'a@b.test', host: '::1', port: 22, sendsUserName: false },
    ],
    ['remoteprefix:vmail@mx2', { kind: 'ssh', login: 'vmail', host: 'mx2', port: 22, sendsUserName: true }],
    ['unix:/run/dsyncd/doveadm', { kind: 'unix', path: '/run/dsyncd/doveadm' }],
  ])('%s', (text, expected) => expect(parseDestination(text, defaults)).toMatchObject(expected));

  it.each([
    ['tcp:mx2', 'tcp:mx2:12345'],
    ['tcps:[::1]', 'tcps:[::1]:12345'],
    ['remote:vmail@mx2', 'remote:vmail@mx2'],
    ['remoteprefix:vmail@[::1]:2222', 'remoteprefix:vmail@[::1]:2222'],
  ])('%s is called %s', (text, name) => expect(parseDestination(text, defaults).name).toBe(name));

  it.each([
    ['', 'does not say how'],
    ['mx2.example.com', 'does not say how'],
    ['udp:mx2', 'begins with "udp:"'],
    ['TCP:mx2', 'begins with "TCP:"'],
    ['tcp:', 'has no host'],
    ['tcp::24', 'has no host'],
    ['tcp:mx2:', 'port'],
    ['tcp:mx2:0', 'port'],
    ['tcp:mx2:65536', 'port'],
    ['tcp:mx2:12x', 'port'],
    ['tcp:2001:db8::1', 'not in brackets'],
    ['tcp:[mx2]', 'host name'],
    ['tcp:[::1', 'HOST'],
    ['tcp:mx 2', 'host name'],
    ['tcp:-oProxyCommand=x', 'host name'],
    [`tcp:${'x'.repeat(254)}`, 'host name'],
    ['remote:mx2', 'login'],
    ['remote:@mx2', 'login'],
    ['remote:-oProxyCommand=x@mx2', 'login'],
    ['remote:vmail@', 'host'],
    ['unix:run/x', 'absolute'],
  ])('%j is refused with the allowed forms', (text, words) => {
    try {
      parseDestination(text, defaults);
    } catch (error) {
      if (!(error instanceof DsyncdError)) throw error;
      expect(error.outcome).toBe('operator');
      expect(error.message).toContain(words);
      expect(error.message).toContain(JSON.stringify(text.slice(0, 80)).slice(0, -1));
      expect(error.hint).toContain('remoteprefix:LOGIN@HOST');
      return;
    }
    throw new Error('was accepted');
  });

  it('may have a host name of 253 characters', () => {
    const host = `${'x'.repeat(249)}.com`;
    expect(parseDestination(`tcp:${host}`, defaults)).toMatchObject({ host });
  });
});
