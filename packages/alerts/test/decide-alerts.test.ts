import { describe, expect, it } from 'vitest';
import { type AlertMessage, type AlertState, decideAlerts, type Problem } from '../src/index.ts';

const timing = { graceMs: 300, repeatMs: 1000 };
const peer: Problem = { key: 'default/peer', channel: 'default', text: 'does not answer', hint: 'look' };
const held: Problem = { key: 'default/quarantine', channel: 'default', text: 'one held', hint: 'help' };

/** Looks in turn; answers what was sent as `NOW firing|recovered`. */
function play(
  looks: readonly { at: number; problems: readonly Problem[]; silent?: boolean; fails?: boolean }[],
): string[] {
  let state: AlertState = new Map();
  const heard: string[] = [];
  const names = (list: AlertMessage['firing']): string => list.map(({ key }) => key.split('/')[1]).join('+');
  for (const { at, problems, silent = false, fails = false } of looks) {
    const { ifUnsent, ifSent, message } = decideAlerts(
      state,
      { now: at, problems, isSilent: silent },
      timing,
    );
    if (message !== undefined && !fails)
      heard.push(`${at} ${names(message.firing)}|${names(message.recovered)}`);
    state = fails ? ifUnsent : ifSent;
  }
  return heard;
}

describe('decideAlerts', () => {
  it('tells what has outlasted the grace time, not before, and once', () => {
    const at = (time: number) => ({ at: time, problems: [peer] });
    expect(play([at(0), at(299), at(300), at(400), at(1299)])).toEqual(['300 peer|']);
  });

  it('says nothing at all of what mended itself within the grace time', () => {
    expect(
      play([
        { at: 0, problems: [peer] },
        { at: 299, problems: [] },
        { at: 900, problems: [peer] },
        { at: 1199, problems: [peer] },
      ]),
    ).toEqual([]);
  });

  it('repeats what goes on', () => {
    const looks = [0, 300, 1299, 1300, 2299, 2300].map((at) => ({ at, problems: [peer] }));
    expect(play(looks)).toEqual(['300 peer|', '1300 peer|', '2300 peer|']);
  });

  it('says that it is over, once', () => {
    const looks = [
      { at: 0, problems: [peer] },
      { at: 300, problems: [peer] },
      { at: 400, problems: [] },
      { at: 500, problems: [] },
    ];
    expect(play(looks)).toEqual(['300 peer|', '400 |peer']);
  });

  it('tells all that is due in one message, the new first', () => {
    const looks = [
      { at: 0, problems: [peer] },
      { at: 300, problems: [peer, held] },
      { at: 600, problems: [peer, held] },
      { at: 700, problems: [] },
    ];
    expect(play(looks)).toEqual(['300 peer|', '600 quarantine+peer|', '700 |peer+quarantine']);
  });

  it('counts from when the problem began, when that is known', () => {
    expect(play([{ at: 1000, problems: [{ ...peer, since: 700 }] }])).toEqual(['1000 peer|']);
    const moving = [1000, 1200, 1400].map((at) => ({ at, problems: [{ ...peer, since: at - 299 }] }));
    expect(play(moving)).toEqual([]);
  });

  it('is silent during maintenance, and tells afterwards what is left and what is over', () => {
    const silent = (at: number, problems: readonly Problem[]) => ({ at, problems, silent: true });
    expect(
      play([
        { at: 0, problems: [peer] },
        { at: 300, problems: [peer] },
        silent(400, [held]),
        silent(900, [held]),
        { at: 1000, problems: [held] },
      ]),
    ).toEqual(['300 peer|', '1000 quarantine|peer']);
  });

  it('tells again what could not be sent: problems and recoveries', () => {
    expect(
      play([
        { at: 0, problems: [peer] },
        { at: 300, problems: [peer], fails: true },
        { at: 310, problems: [peer] },
        { at: 400, problems: [], fails: true },
        { at: 410, problems: [] },
        { at: 420, problems: [] },
      ]),
    ).toEqual(['310 peer|', '410 |peer']);
  });
});
