import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, type Uid } from '@dsyncd/core';
import { dovecotProblem, dovecotVersions, type MailSnapshot, until } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  endMounts,
  mailSizeMax,
  type Place,
  quotaSettings,
  type Refusal,
  refusals,
} from './support/refusals.ts';
import { differences } from './support/scene.ts';
import { UserSyncs } from './support/user-syncs.ts';
import { type Leader, World } from './support/world.ts';

const leaders: readonly Leader[] = ['theirs', 'ours'];
const roundsMax = 12;
const userOf = (leader: string, refusal: number): string => `${leader}-${refusal}@example.com`;

const mailOf = (index: number, lines: number): Buffer =>
  Buffer.from(`Subject: mail ${index}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(lines)}`);
const bodiesOf = ({ mailboxes }: MailSnapshot): string[] =>
  (mailboxes.get('INBOX')?.mails ?? []).map((line) => line.split(' ').at(-1) ?? '').sort();

/** REFUSED_ALL=true: every version with every format. */
const worlds = dovecotVersions
  .flatMap((version) => (['sdbox', 'maildir'] as const).map((mailFormat) => ({ version, mailFormat })))
  .filter(
    ({ version, mailFormat }) =>
      process.env.REFUSED_ALL === 'true' || (version === '2.3') === (mailFormat === 'sdbox'),
  );

describe.each(worlds)('Dovecot $version with $mailFormat', ({ version, mailFormat }) => {
  // It mounts disks and takes rights away from root.
  const isSkipped = dovecotProblem(version) !== undefined || process.getuid?.() !== 0;
  const table = leaders.flatMap((leader) =>
    refusals.map((refusal, index) => ({ ...refusal, refusal, leader, user: userOf(leader, index) })),
  );
  let world: World;
  let folder: string;
  const placeOf = (user: string): Place => ({ world, user, ourHome: join(folder, 'mail', user) });

  beforeAll(async () => {
    if (isSkipped) return;
    folder = mkdtempSync(join(tmpdir(), 'refused-'));
    const users = [...table.map(({ user }) => user), 'stateful@example.com'];
    world = await World.start({ version, mailFormat, users, folder, settings: quotaSettings(version) });
  });

  afterAll(async () => {
    if (isSkipped) return;
    const places = table.map(({ user }) => placeOf(user));
    await world.store.close();
    for (const place of places) await endMounts(place, version);
    await world.stop();
    rmSync(folder, { recursive: true });
  });

  /** A save that failed may have made Dovecot rebuild its index, which it does at the next look. */
  async function lists(user: string): Promise<readonly [MailSnapshot, MailSnapshot]> {
    const { ours, theirs } = world.sides(user);
    let there: MailSnapshot | undefined;
    await until('Dovecot can read its mailbox', async () => {
      there = await theirs.list({ withBodies: true }).catch(() => undefined);
      return there !== undefined;
    });
    if (there === undefined) throw new Error('no list');
    return [await ours.list({ withBodies: true }), there];
  }

  async function expungeLarge(user: string): Promise<void> {
    const mail = await world.store.open(parseUserName(user));
    const inbox = await mail.mailboxByPath(['INBOX']);
    for (const { uid, size } of (await inbox?.mails(1 as Uid, 100)) ?? [])
      if (size > mailSizeMax) await inbox?.apply([{ type: 'expunge', uid }]);
    await mail.close();
  }

  async function untilEqual(user: string, syncs: UserSyncs): Promise<void> {
    for (let round = 1; ; round++) {
      const isSuccess = await syncs.sync();
      const [here, there] = await lists(user);
      const found = differences(here, there);
      if (isSuccess && found.length === 0) return;
      if (round === roundsMax) throw new Error(`${found.join('\n')}\n${syncs.failures.slice(-3).join('\n')}`);
    }
  }

  test.skipIf(isSkipped).each(table)(
    'what is refused for $name is lost on no host, the failure says why, and its remedy helps, led by $leader',
    async ({ refusal, leader, user }) => {
      const place = placeOf(user);
      const isRefused = refusal.versions.includes(version);
      await refusal.prepare?.(place);
      await world.addUser(user);
      const { ours, theirs } = world.sides(user);
      const syncs = new UserSyncs(world, { user, leader, keepsState: leader === 'ours' });
      await ours.save('INBOX', [mailOf(0, 1), mailOf(5, 1)]);
      await theirs.save('INBOX', [mailOf(1, 1)]);
      await untilEqual(user, syncs);

      const isSize = refusal.end === undefined;
      const news = [mailOf(2, 1), mailOf(3, isSize ? 3000 : 1300), mailOf(4, 1)];
      await (refusal.at === 'theirs' ? ours : theirs).save('INBOX', news);
      await refusal.begin?.(place);
      syncs.failures.length = 0;
      for (let round = 0; round < 3; round++) await syncs.sync();
      if (isRefused) {
        expect(syncs.failures).not.toEqual([]);
        if (leader === 'ours') expectReason(syncs.failures, refusal);
      }
      await (isSize ? expungeLarge(user) : refusal.end?.(place));
      await untilEqual(user, syncs);

      const expected = isSize ? 5 : 6;
      for (const list of await lists(user)) {
        expect(bodiesOf(list)).toHaveLength(expected);
        expect(new Set(bodiesOf(list)).size).toBe(expected);
      }
    },
  );

  function expectReason(failures: readonly string[], { at, says, hint }: Refusal): void {
    const told = failures.find((line) => says.test(line)) ?? failures.join('\n');
    expect(told).toMatch(says);
    expect(told).toMatch(hint);
    // The host by its name, where it is not this one.
    if (at === 'theirs') expect(told).toContain(`127.0.0.1:${world.dovecot.place.doveadmPort}`);
  }

  if (version === '2.3')
    test.skipIf(isSkipped)('a state that it keeps hides no mail that it refused', async () => {
      const user = 'stateful@example.com';
      await world.addUser(user);
      const { ours } = world.sides(user);
      await ours.save('INBOX', [mailOf(0, 1)]);
      let state = '';
      const sync = async (): Promise<number> => {
        const args = ['sync', '-u', user, '-s', state, `tcp:127.0.0.1:${world.serverPort}`];
        const { status, stdout } = await world.dovecot.tryDoveadm(args);
        // As Dovecot's own replicator does: kept from a success alone.
        state = status === 0 ? stdout.trim() : '';
        return status;
      };
      expect(await sync()).toBe(0);
      await ours.save('INBOX', [mailOf(1, 3000), mailOf(2, 1)]);
      const statuses: number[] = [];
      for (let round = 0; round < 4; round++) statuses.push(await sync());

      const [here, there] = await lists(user);
      expect(bodiesOf(here)).toHaveLength(3);
      expect(bodiesOf(there).length).toBeGreaterThanOrEqual(1);
      expect(statuses).not.toContain(0);
    });
});
