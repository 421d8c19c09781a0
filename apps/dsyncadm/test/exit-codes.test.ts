import { DsyncdError, InvariantError } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { errorText, notPossible, usageError } from '../src/errors.ts';
import { exitCodeOf } from '../src/exit-codes.ts';

const failed = (code: DsyncdError['code'], outcome: DsyncdError['outcome'], cause?: unknown): DsyncdError =>
  new DsyncdError(code, 'message', { outcome, cause });

const systemError = (code: string): Error => Object.assign(new Error(code), { code, syscall: 'open' });

describe('exitCodeOf', () => {
  it.each([
    [usageError('m', 'h'), 64],
    [failed('DSYNCD_USER_NAME', 'operator'), 64],
    [notPossible('m', 'h'), 65],
    [failed('DSYNCD_STORE_NO_USER', 'nouser'), 67],
    [failed('DSYNCD_PEER_FAILED', 'nouser'), 67],
    [failed('DSYNCD_STORE_NO_MAILBOX', 'operator'), 68],
    [failed('DSYNCD_PEER_FAILED', 'operator'), 69],
    [new InvariantError('broken'), 70],
    [new TypeError('x is not a function'), 70],
    [failed('DSYNCD_PEER_FAILED', 'busy'), 75],
    [failed('DSYNCD_PEER_FAILED', 'transient'), 75],
    [systemError('ENOSPC'), 75],
    [failed('DSYNCD_REPLICATOR_ANSWER', 'operator'), 76],
    [systemError('EACCES'), 77],
    [failed('DSYNCD_PEER_FAILED', 'transient', systemError('EACCES')), 77],
    [failed('DSYNCD_CONFIG', 'operator'), 78],
  ])('%s ends with %d', (error, code) => expect(exitCodeOf(error)).toBe(code));
});

describe('errorText', () => {
  it('says what failed, what to do, and where more is, one line each', () =>
    expect(errorText(usageError('what\nfailed\u001b[0m', 'do this'), false)).toBe(
      'dsyncadm: what failed [0m\n  do this\n  more: deploy/errors.md#DSYNCD_USAGE\n',
    ));

  it('asks for a report of a defect, and shows where it was on request', () => {
    expect(errorText(new TypeError('no'), false)).toContain('a defect of dsyncd');
    expect(errorText(new TypeError('no', { cause: new Error('deep') }), true)).toMatch(
      /exit-codes\.test[\s\S]*caused by/,
    );
  });

  it('takes the hint of the operating system when there is no other', () =>
    expect(errorText(systemError('ENOSPC'), false)).toContain('disk is full'));
});
