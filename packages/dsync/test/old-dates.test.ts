import { expect, test } from 'vitest';
import { inboxOf } from './mails.ts';
import { type SimHost, World } from './world.ts';

const of1960 = -315_619_200;

async function datesOf(host: SimHost): Promise<number[]> {
  return (await (await inboxOf(host)).mails(1 as never, 10)).map(({ receivedAt }) => receivedAt);
}

test.each([of1960, -1, 0])(
  'a mail received at %i s goes to the other host with its date',
  async (receivedAt) => {
    const world = await new World(2).open();
    const [a, b] = [world.host(0), world.host(1)];
    const body = await a.mail.stageBody(
      (async function* () {
        yield Buffer.from('Subject: old\r\n\r\n');
      })(),
    );
    await (await inboxOf(a)).apply([{ type: 'save', body, receivedAt, savedAt: receivedAt }]);

    expect((await world.sync(a, b))?.outcome).toBe('ok');

    expect(await datesOf(b)).toEqual([receivedAt]);
  },
);
