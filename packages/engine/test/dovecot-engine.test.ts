import { limits, outcomeRules, parseUserName } from '@dsyncd/core';
import { describe, expect, test } from 'vitest';
import { unchangedRowMax } from '../src/dovecot/endless-syncs.ts';
import { logPatterns, wordPatterns } from '../src/dovecot/log-patterns.ts';
import { createEngine, serve, taskOf } from './support/engine.ts';
import { answering, frame, logLine, userdb } from './support/scripted-doveadm.ts';

const data = (text: string): Buffer => frame('data', text);

describe('the command', () => {
  async function commandOf(task: Parameters<typeof taskOf>[0], replica?: string): Promise<string[]> {
    let seen = '';
    const server = await serve(
      answering((command) => {
        seen = command;
        return data('S\t\n+\n');
      }),
    );
    const channel = replica === undefined ? {} : { channel: () => ({ replica, doveadmPort: 4711 }) };
    const engine = await createEngine(server.path, channel);
    expect(await engine.sync(taskOf(task))).toMatchObject({ outcome: 'ok' });
    return seen.split('\t');
  }
  const head = ['', 'ann', 'sync', '-u', 'ann', '-N'];
  const tail = ['-l', '30', '-T', '600', '-s'];

  test('is full, normal or incremental, always with a lock, never with -U or -d', async () => {
    const to = 'tcp:127.0.0.1:1';
    expect(await commandOf({ type: 'full', state: 'OLD' })).toEqual([...head, '-f', ...tail, '', to]);
    // Without a state Dovecot would skip mailboxes that happen to have the same modseq.
    expect(await commandOf({ type: 'normal' })).toEqual([...head, '-f', ...tail, '', to]);
    expect(await commandOf({ type: 'incremental', state: 'OLD' })).toEqual([...head, ...tail, 'OLD', to]);
  });

  test('is full when it should be incremental and there is no state', async () => {
    expect(await commandOf({ type: 'incremental' })).toContain('-f');
    expect(await commandOf({ type: 'incremental', state: '' })).toContain('-f');
  });

  test('names our port, not the one that Dovecot would take', async () => {
    expect((await commandOf({}, 'tcp:mx2')).at(-1)).toBe('tcp:mx2:4711');
    expect((await commandOf({}, 'tcps:[::1]')).at(-1)).toBe('tcps:[::1]:4711');
    expect((await commandOf({}, 'remote:vmail@mx2')).at(-1)).toBe('remote:vmail@mx2');
  });

  test('that says "changed" for ever while the state stays is at rest in the end', async () => {
    let isMoving = false;
    let number = 0;
    const server = await serve(
      answering(() => data(`${isMoving ? `NEW${number++}` : 'SAME'}\t\n-UNKNOWN\n`)),
    );
    const engine = await createEngine(server.path);
    const row = async (): Promise<string[]> => {
      const outcomes: string[] = [];
      for (let turn = 0; turn < unchangedRowMax; turn++)
        outcomes.push((await engine.sync(taskOf({ type: 'incremental', state: 'OLD' }))).outcome);
      return outcomes;
    };
    const changed = Array.from({ length: unchangedRowMax - 1 }, () => 'changed');
    expect(await row()).toEqual([...changed, 'ok']);
    expect(await row()).toEqual([...changed, 'ok']);
    isMoving = true;
    expect(await row()).toEqual([...changed, 'changed']);
  });

  test('of one mailbox neither uses nor leaves a state', async () => {
    const server = await serve(answering((command) => data(`${command.includes('OLD')}\t\n+\n`)));
    const engine = await createEngine(server.path);
    const result = await engine.sync(taskOf({ type: 'incremental', state: 'OLD', mailbox: ['A', 'B'] }));
    expect(result).toMatchObject({ outcome: 'ok', full: false });
    expect(result.state).toBeUndefined();
  });
});

describe('an answer', () => {
  const cases: readonly [string, Buffer, object][] = [
    ['+', data('STATE\t\n+\n'), { outcome: 'ok', state: 'STATE' }],
    ['+ without a state: the next one is full', data('\t\n+\n'), { outcome: 'ok', state: '' }],
    [
      'CHANGED (2.4): its state may hide a change',
      data('STATE\t\n-CHANGED\n'),
      { outcome: 'changed', full: false },
    ],
    ['UNKNOWN after a state (2.3)', data('STATE\t\n-UNKNOWN\n'), { outcome: 'changed' }],
    ['UNKNOWN after an empty state (2.3)', data('\t\n-UNKNOWN\n'), { outcome: 'changed', state: '' }],
    ['UNKNOWN without a state', data('\n-UNKNOWN\n'), { outcome: 'transient' }],
    [
      'UNKNOWN after a state, with an error',
      Buffer.concat([logLine('Mailbox INBOX: Save commit failed: odd'), data('STATE\t\n-UNKNOWN\n')]),
      { outcome: 'transient', failure: { reason: 'Mailbox INBOX: Save commit failed: odd' } },
    ],
    ['NOUSER', data('\n-NOUSER\n'), { outcome: 'nouser' }],
    [
      'NOUSER of the other side: a person has to look',
      Buffer.concat([logLine('Unknown user in remote'), data('\n-NOUSER\n')]),
      { outcome: 'operator', failure: { code: 'DSYNCD_REMOTE_NO_USER' } },
    ],
    ['NOREPLICATE', data('\n-NOREPLICATE\n'), { outcome: 'noreplicate' }],
    [
      'TEMPFAIL',
      data('\n-TEMPFAIL\n'),
      { outcome: 'transient', failure: { code: 'DSYNCD_DOVECOT_TEMPFAIL' } },
    ],
    ['USAGE', data('\n-USAGE\n'), { outcome: 'operator' }],
    ['NOPERM', data('\n-NOPERM\n'), { outcome: 'operator' }],
    ['NOTFOUND', data('\n-NOTFOUND\n'), { outcome: 'transient' }],
    ['DATAERR', data('\n-DATAERR\n'), { outcome: 'operator' }],
    [
      'a referral',
      data('\n-REFERRAL mx3:1\n'),
      { outcome: 'operator', failure: { code: 'DSYNCD_REFERRAL' } },
    ],
    [
      'no word: not allowed',
      data('\n-\n'),
      { outcome: 'operator', failure: { code: 'DSYNCD_DOVEADM_COMMAND' } },
    ],
    ['a word of later versions', data('\n-NEWWORD\n'), { outcome: 'transient' }],
    [
      'a lock timeout',
      Buffer.concat([logLine("Couldn't lock /m/.dovecot-sync.lock: Timed out"), data('\n-TEMPFAIL\n')]),
      { outcome: 'busy' },
    ],
    [
      'a lock that it may not make, which nobody holds',
      Buffer.concat([
        logLine('Failed to lock mailbox INBOX for dsyncing: safe_mkstemp(/m/x) failed: Permission denied'),
        data('\n-TEMPFAIL\n'),
      ]),
      { outcome: 'operator', failure: { code: 'DSYNCD_PERMISSION' } },
    ],
    [
      'a wrong secret',
      Buffer.concat([logLine('doveadm authentication failed (mx2)'), data('\n-TEMPFAIL\n')]),
      { outcome: 'operator', failure: { code: 'DSYNCD_SECRET' } },
    ],
    [
      'a state that is refused',
      Buffer.concat([logLine('Saved sync state is invalid, falling back to full sync: x'), data('S\t\n+\n')]),
      { outcome: 'ok', state: 'S', notes: [expect.stringContaining('Saved sync state is invalid')] },
    ],
    [
      'a state that does not fit the mailboxes any more: without it next time',
      Buffer.concat([
        logLine('Failed to do incremental sync for mailbox A, retry with a full sync (highest_modseq 1 < 5)'),
        data('\n-TEMPFAIL\n'),
      ]),
      { outcome: 'changed', state: '' },
    ],
    [
      'a mailbox that vanished meanwhile: no failure of the peer',
      Buffer.concat([
        logLine('Mailbox A: Save commit failed: Mailbox was deleted under us'),
        data('\n-TEMPFAIL\n'),
      ]),
      { outcome: 'changed' },
    ],
  ];
  test.each(cases)('%s', async (_, bytes, expected) => {
    const server = await serve(answering(() => bytes));
    const result = await (await createEngine(server.path)).sync(taskOf());
    expect(result).toMatchObject(expected);
    // Only a success proves that its state hides no change.
    if (result.outcome !== 'ok') expect(result.state ?? '').toBe('');
    if (outcomeRules[result.outcome].isFailure) expect(result.failure?.hint).toBeTruthy();
  });

  test('is the same in pieces of one byte', async () => {
    const bytes = Buffer.concat([
      logLine('Quota exceeded (mailbox for user is full)'),
      data('S\t\n-TEM'),
      data('PFAIL\n'),
    ]);
    const server = await serve(
      answering((_, socket) => {
        for (const byte of bytes) socket.write(Buffer.from([byte]));
        return undefined;
      }),
    );
    expect(await (await createEngine(server.path)).sync(taskOf())).toMatchObject({
      outcome: 'transient',
      failure: { code: 'DSYNCD_QUOTA' },
    });
  });

  test('of a server that does not frame is understood', async () => {
    const server = await serve(answering(() => 'S\t\n+\n', 0));
    expect(await (await createEngine(server.path)).sync(taskOf())).toMatchObject({
      outcome: 'ok',
      state: 'S',
    });
  });

  test('of 2.4 comes with its log only when asked for', async () => {
    const lines: string[] = [];
    const server = await serve(async (socket, input) => {
      await input.next();
      socket.write('VERSION\tdoveadm-client\t1\t3\n+\n');
      for (let turn = 0; turn < 2; turn++) lines.push((await input.next()).value ?? '');
      socket.write(data('S\t\n+\n'));
    });
    expect(await (await createEngine(server.path)).sync(taskOf())).toMatchObject({ outcome: 'ok' });
    expect(lines[0]).toBe('\t\tOPTION\tlog-passthrough');
    expect(lines[1]).toContain('\tsync\t');
  });

  test('keeps a state of the largest size, and refuses one beyond it', async () => {
    const largest = 'x'.repeat(limits.stateBytesMax);
    const server = await serve(answering(() => data(`${largest}\t\n+\n`)));
    expect((await (await createEngine(server.path)).sync(taskOf())).state).toBe(largest);
    const endless = await serve(answering(() => data('x'.repeat(limits.stateBytesMax + 2_000))));
    expect(await (await createEngine(endless.path)).sync(taskOf())).toMatchObject({
      outcome: 'transient',
      failure: { code: 'DSYNCD_DOVEADM_ANSWER' },
    });
  });
});

describe('a Dovecot that does not do its part is an outcome', () => {
  const nonsense: readonly [string, Parameters<typeof serve>[0]][] = [
    ['greets as something else', (socket) => void socket.write('220 mx ESMTP\r\n')],
    ['never ends its line', (socket) => void socket.write('x'.repeat(100_000))],
    ['hangs up at once', (socket) => void socket.destroy()],
    ['answers without frames where frames belong', answering(() => 'hello\n+\n')],
    ['answers a line that is no answer', answering(() => data('S\t\nWHAT\n'))],
    [
      'ends in the middle of a frame',
      answering((_, socket) => void socket.end(data('S\t\n+\n').subarray(0, 7))),
    ],
    ['dies without a word', answering((_, socket) => void socket.destroy())],
  ];
  test.each(nonsense)('%s', async (_, script) => {
    const server = await serve(script);
    const engine = await createEngine(server.path, { loginTimeoutMs: 500 });
    const result = await engine.sync(taskOf());
    expect(result).toMatchObject({ outcome: 'transient', full: false });
    expect(result.failure?.hint).toBeTruthy();
  });

  test('not running', async () => {
    const result = await (await createEngine('/nonexistent/doveadm-server')).sync(taskOf());
    expect(result).toMatchObject({ outcome: 'transient', failure: { code: 'DSYNCD_DOVECOT_DOWN' } });
    expect(result.failure?.hint).toContain('start Dovecot');
  });

  test('takes connections and says nothing', async () => {
    const server = await serve(() => {});
    const engine = await createEngine(server.path, { loginTimeoutMs: 100 });
    expect(await engine.sync(taskOf())).toMatchObject({
      outcome: 'transient',
      failure: { code: 'DSYNCD_DOVECOT_DOWN' },
    });
  });

  test('takes the command and hangs: the deadline ends it, and the connection', async () => {
    const server = await serve(answering(() => undefined));
    const engine = await createEngine(server.path);
    const deadline = new AbortController();
    const sync = engine.sync(taskOf({ signal: deadline.signal }));
    await expect.poll(() => server.connections).toBe(1);
    deadline.abort(new Error('no result within 1 s'));
    expect(await sync).toMatchObject({
      outcome: 'transient',
      failure: { reason: expect.stringContaining('within 1 s') },
    });
    await expect.poll(() => server.openConnections).toBe(0);
  });

  test('dies because the other host is down: we say so in its place', async () => {
    const server = await serve(answering((_, socket) => void socket.destroy()));
    const result = await (await createEngine(server.path)).sync(taskOf());
    expect(result.failure).toMatchObject({
      code: 'DSYNCD_CONNECT',
      reason: 'cannot connect to tcp:127.0.0.1:1: nothing listens there',
    });
  });

  test('wants a secret', async () => {
    const asking = (answer: string) =>
      serve(async (socket, lines) => {
        await lines.next();
        socket.write('VERSION\tdoveadm-client\t1\t2\n-\n');
        const login = (await lines.next()).value;
        socket.write(login === undefined ? '' : answer);
        if (answer !== '+\n') return;
        await lines.next();
        socket.write(data('S\t\n+\n'));
      });
    const wrong = await createEngine((await asking('-\n')).path, { secret: 'top-secret' });
    const result = await wrong.sync(taskOf());
    expect(result).toMatchObject({ outcome: 'operator', failure: { code: 'DSYNCD_SECRET' } });
    expect(JSON.stringify(result)).not.toContain('top-secret');
    const missing = await createEngine((await asking('-\n')).path);
    expect(await missing.sync(taskOf())).toMatchObject({
      outcome: 'operator',
      failure: { code: 'DSYNCD_SECRET' },
    });
    const right = await createEngine((await asking('+\n')).path, { secret: 'top-secret' });
    expect(await right.sync(taskOf())).toMatchObject({ outcome: 'ok' });
  });
});

test('no more commands at once than allowed; who waits can be given up', async () => {
  const waiting: (() => void)[] = [];
  let [running, runningMax] = [0, 0];
  const server = await serve(
    answering((_, socket) => {
      runningMax = Math.max(runningMax, ++running);
      waiting.push(() => {
        running--;
        socket.write(data('S\t\n+\n'));
      });
      return undefined;
    }),
  );
  const users = ['u1', 'u2', 'u3', 'u4', 'u5'];
  const engine = await createEngine(server.path, {
    commandsMax: () => 2,
    auth: userdb(Object.fromEntries(users.map((user) => [user, []]))),
  });
  const givenUp = new AbortController();
  const syncs = users.map((user) =>
    engine.sync(taskOf({ user: parseUserName(user), ...(user === 'u5' ? { signal: givenUp.signal } : {}) })),
  );
  await expect.poll(() => waiting.length).toBe(2);
  givenUp.abort(new Error('stopping'));
  expect(await syncs[4]).toMatchObject({ outcome: 'transient', failure: { reason: 'stopping' } });
  for (let done = 0; done < 4; done++) {
    await expect.poll(() => waiting.length).toBeGreaterThan(0);
    waiting.shift()?.();
  }
  for (const result of await Promise.all(syncs.slice(0, 4))) expect(result.outcome).toBe('ok');
  expect(runningMax).toBe(2);
  expect(server.connections).toBe(4);
});

test('every pattern has a hint and a code', () => {
  for (const { hint, code } of [...logPatterns, ...Object.values(wordPatterns)]) {
    expect(hint.length).toBeGreaterThan(10);
    expect(code).toMatch(/^DSYNCD_[A-Z_]+$/);
  }
});
