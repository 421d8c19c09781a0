import { parseUserName, systemClock, type UserName } from '@dsyncd/core';
import { describe, expect, test } from 'vitest';
import { AuthClient, DovecotUsers } from '../src/index.ts';
import { createEngine, onCleanup, serve, taskOf } from './support/engine.ts';
import { answering, frame, type Script, userdb } from './support/scripted-doveadm.ts';

const ann = parseUserName('ann');
const never = new AbortController().signal;

async function authOf(
  script: Script,
): Promise<{ auth: AuthClient; server: Awaited<ReturnType<typeof serve>> }> {
  const server = await serve(script);
  const auth = new AuthClient({ socketPath: () => server.path, clock: systemClock, answerTimeoutMs: 300 });
  onCleanup(() => auth.close());
  return { auth, server };
}

async function all(users: AsyncIterable<UserName>): Promise<string[]> {
  const names: string[] = [];
  for await (const user of users) names.push(user);
  return names;
}

describe('the auth client', () => {
  test('looks up many at once on one connection', async () => {
    const names = Array.from({ length: 500 }, (_, index) => `u${index}`);
    const { auth, server } = await authOf(
      userdb(Object.fromEntries(names.map((name) => [name, [`home=/m/${name}`]]))),
    );
    const found = await Promise.all(names.map((name) => auth.lookUp(parseUserName(name), never)));
    expect(found.map((fields) => fields?.get('home'))).toEqual(names.map((name) => `/m/${name}`));
    expect(await auth.lookUp(ann, never)).toBeUndefined();
    expect(server.connections).toBe(1);
  });

  test('reads fields without a value and with escapes', async () => {
    const { auth } = await authOf(userdb({ ann: ['noreplicate', 'note=a\u0001tb=c'] }));
    expect(await auth.lookUp(ann, never)).toEqual(
      new Map([
        ['noreplicate', ''],
        ['note', 'a\tb=c'],
        ['user', 'ann'],
      ]),
    );
  });

  test('goes on after a restart of Dovecot', async () => {
    const { auth, server } = await authOf(userdb({ ann: [] }));
    await auth.lookUp(ann, never);
    server.dropConnections();
    expect(await auth.lookUp(ann, never)).toEqual(new Map([['user', 'ann']]));
    expect(server.connections).toBe(2);
  });

  test.each<[string, Script]>([
    ['hangs up', (socket) => void socket.destroy()],
    ['speaks another version', (socket) => void socket.write('VERSION\t2\t0\n')],
    ['is something else', (socket) => void socket.write('* OK ready\n')],
    ['says nothing', () => {}],
    ['does not answer', (socket) => void socket.write('VERSION\t1\t1\n')],
  ])('says so when the service %s', async (_, script) => {
    const { auth } = await authOf(script);
    await expect(auth.lookUp(ann, never)).rejects.toMatchObject({
      code: 'DSYNCD_USERDB',
      outcome: 'transient',
      hint: expect.stringContaining('auth_socket_path'),
    });
  });

  test('says so when userdb fails for one user', async () => {
    const { auth } = await authOf(async (socket, lines) => {
      socket.write('VERSION\t1\t1\n');
      await lines.next();
      await lines.next();
      socket.write('FAIL\t1\treason=SQL is down\n');
    });
    await expect(auth.lookUp(ann, never)).rejects.toMatchObject({
      code: 'DSYNCD_USERDB_USER',
      outcome: 'transient',
      message: expect.stringContaining('SQL is down'),
    });
  });

  test('lists users, and tells of names that cannot be ours', async () => {
    const names = ['ann', '../evil', '-@x', '-joe@x', '.test@x', 'a/b@x', '..', 'bob'];
    const { auth } = await authOf(userdb(Object.fromEntries(names.map((name) => [name, []]))));
    const unusable: string[] = [];
    const listed = await all(auth.list((name) => unusable.push(name)));
    expect(listed).toEqual(['ann', '-@x', '-joe@x', '.test@x', 'a/b@x', 'bob']);
    expect(unusable).toEqual(['../evil', '..']);
  });

  test('users with names that cannot be ours are counted', async () => {
    const { auth } = await authOf(userdb({ ann: [], '../evil': [], '..': [] }));
    const rules = { include: ['*'], exclude: [], uidMin: 0 };
    const users = new DovecotUsers({ auth, rules: () => rules, clock: systemClock });
    expect(users.unusable).toEqual({ count: 0 });
    expect(await all(users.list())).toEqual(['ann']);
    expect(users.unusable).toMatchObject({ count: 2, example: '../evil' });
  });

  test('tells a list that failed from one that is short', async () => {
    const { auth } = await authOf(async (socket, lines) => {
      socket.write('VERSION\t1\t1\n');
      await lines.next();
      await lines.next();
      socket.write('LIST\t1\tann\nDONE\t1\tfail\n');
    });
    await expect(all(auth.list())).rejects.toMatchObject({ code: 'DSYNCD_USERDB_LIST', outcome: 'operator' });
    const cut = await authOf(async (socket, lines) => {
      socket.write('VERSION\t1\t1\n');
      await lines.next();
      await lines.next();
      socket.end('LIST\t1\tann\n');
    });
    await expect(all(cut.auth.list())).rejects.toMatchObject({ outcome: 'transient' });
  });

  test('ends a list that hangs when it is closed', async () => {
    const { auth, server } = await authOf((socket) => void socket.write('VERSION\t1\t1\n'));
    const list = all(auth.list());
    await expect.poll(() => server.connections).toBe(1);
    const ended = expect(list).rejects.toMatchObject({ outcome: 'transient' });
    await expect.poll(() => server.openConnections).toBe(1);
    auth.close();
    await ended;
  });
});

describe('the rules', () => {
  const people = {
    ann: ['uid=1000', 'mail_replica=tcp:mx3'],
    bob: ['uid=999'],
    cyd: ['uid=1000', 'noreplicate'],
    dan: ['uid=1000', 'noreplicate=no'],
    'eve@test': ['uid=1000'],
  };
  async function usersOf(): Promise<DovecotUsers> {
    const { auth } = await authOf(userdb(people));
    const rules = { include: ['*'], exclude: ['*@test'], uidMin: 1000 };
    return new DovecotUsers({ auth, rules: () => rules, clock: systemClock });
  }

  test('decide by name, UID and noreplicate; who was refused is not listed for a while', async () => {
    const users = await usersOf();
    const admit = async (name: string): Promise<unknown> =>
      users.admit(parseUserName(name), undefined, never);
    expect(await all(users.list())).toEqual(['ann', 'bob', 'cyd', 'dan']);
    expect(await admit('ann')).toEqual({});
    expect(await admit('bob')).toMatchObject({
      outcome: 'noreplicate',
      reason: expect.stringContaining('999'),
    });
    expect(await admit('cyd')).toMatchObject({ outcome: 'noreplicate' });
    expect(await admit('dan')).toEqual({});
    expect(await admit('eve@test')).toMatchObject({ outcome: 'noreplicate' });
    expect(await admit('zoe')).toMatchObject({ outcome: 'nouser' });
    expect(await all(users.list())).toEqual(['ann', 'dan']);
    expect(await all(users.list('d*'))).toEqual(['dan']);
  });

  test('refuse a spelling that is not the one of Dovecot, and say which is', async () => {
    const { auth } = await authOf(userdb({ Ann: [], ann: [] }, (name) => name.toLowerCase()));
    const rules = { include: ['*'], exclude: [], uidMin: 0 };
    const users = new DovecotUsers({ auth, rules: () => rules, clock: systemClock });
    expect(await users.admit(parseUserName('Ann'), undefined, never)).toMatchObject({
      outcome: 'nouser',
      properUser: 'ann',
    });
    expect(await users.admit(ann, undefined, never)).toEqual({});
  });

  test('take another replica from userdb only when the channel says which field', async () => {
    const users = await usersOf();
    expect(await users.admit(ann, undefined, never)).toEqual({});
    expect(await users.admit(ann, 'mail_replica', never)).toEqual({ replica: 'tcp:mx3' });
    expect(await users.admit(parseUserName('dan'), 'mail_replica', never)).toEqual({});
  });

  test.each(['unix:/run/x', 'ssh -oProxyCommand=x', '-x', '/etc', 'remote:-oProxyCommand=x@h'])(
    'refuse %s as a replica',
    async (replica) => {
      const server = await serve(answering(() => frame('data', 'S\t\n+\n')));
      const engine = await createEngine(server.path, {
        auth: userdb({ ann: [`r=${replica}`] }),
        channel: () => ({ replica: 'tcp:mx2', doveadmPort: 1, replicaField: 'r' }),
      });
      expect(await engine.sync(taskOf())).toMatchObject({
        outcome: 'operator',
        failure: { code: 'DSYNCD_DESTINATION' },
      });
      expect(server.connections).toBe(0);
    },
  );
});
