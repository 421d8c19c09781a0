import { parseDoveconf } from '@dsyncd/config';
import { expect, it } from 'vitest';
import { mailOwnerOf } from '../src/file-access.ts';

const settings = (text: string) => async () => ({ tree: parseDoveconf(text), version: '2.4.1', is24: true });
const notAsked = async (): Promise<never> => Promise.reject(new Error('was asked'));

it('takes from userdb what userdb says', async () => {
  const fields = new Map(Object.entries({ uid: '5000', gid: '5001', home: '/srv/anna' }));
  expect(await mailOwnerOf(fields, notAsked)).toEqual({ uid: 5000, gid: 5001, home: '/srv/anna' });
});

it('takes from the settings what userdb leaves out, names as well as numbers', async () => {
  const doveconf = settings('mail_home = /srv/mail/%{user}\nmail_uid = daemon\nmail_gid = 77\n');
  expect(await mailOwnerOf(new Map(), doveconf)).toEqual({ uid: 1, gid: 77, home: '/srv/mail' });
  expect(await mailOwnerOf(new Map([['uid', '5000']]), doveconf)).toMatchObject({ uid: 5000, gid: 77 });
});

it('does not know what nobody says', async () => {
  const doveconf = settings('mail_home = ~/mail\nmail_uid = no-such-user\n');
  expect(await mailOwnerOf(new Map(), doveconf)).toEqual({ uid: undefined, gid: undefined, home: undefined });
});
