import type { ProbeEye, ProbeHand, Sight } from './sides.ts';

/** Dsync dates a rename in whole seconds: one made in the second of the creation can lose against it. */
const renameAfterMs = 1_100;

/** The two ends of a channel. `farHand` is missing where changes there can only be made by a sync. */
export interface Ends {
  readonly hand: ProbeHand;
  /** The same hand, which works on when the user has interrupted the probe. */
  readonly cleaner: Pick<ProbeHand, 'remove'>;
  readonly eye: ProbeEye;
  readonly back?: { readonly farHand: ProbeHand; readonly nearEye: ProbeEye };
}

export interface Step {
  readonly name: string;
  /** What is shown on success: "... there after 0.2 s". */
  readonly what: string;
  readonly where: 'there' | 'here';
  /** Before that the change would prove nothing. */
  readonly waitMs?: number;
  /** A text in answer is shown with the success. */
  change(): Promise<unknown>;
  isSeen(): Promise<boolean>;
}

/** What is done to the canary, in order. */
export function stepsOf({ hand, eye, back }: Ends, first: string, renamed: string): readonly Step[] {
  const sees =
    (look: ProbeEye, mailbox: string, fits: (sight: Sight | undefined) => boolean): Step['isSeen'] =>
    async () =>
      fits(await look.look(mailbox));
  const there = { where: 'there' } as const;
  return [
    {
      ...there,
      name: 'deliver',
      what: 'a new mail',
      async change() {
        await hand.create(first);
        await hand.save(first, canary(first));
      },
      isSeen: sees(eye, first, (sight) => sight?.mails === 1),
    },
    {
      ...there,
      name: 'flag',
      what: 'its flag',
      change: () => hand.flag(first, '\\Flagged'),
      isSeen: sees(eye, first, (sight) => sight?.flags.includes('\\Flagged') === true),
    },
    ...(back === undefined
      ? []
      : [
          {
            name: 'back',
            what: 'a flag set there',
            where: 'here',
            change: () => back.farHand.flag(first, '\\Answered'),
            isSeen: sees(back.nearEye, first, (sight) => sight?.flags.includes('\\Answered') === true),
          } as const,
        ]),
    {
      ...there,
      name: 'rename',
      what: 'the new name of its mailbox',
      waitMs: renameAfterMs,
      change: () => hand.rename(first, renamed),
      isSeen: async () => (await eye.look(renamed))?.mails === 1 && (await eye.look(first)) === undefined,
    },
    {
      ...there,
      name: 'expunge',
      what: 'its expunge',
      change: () => hand.expunge(renamed),
      isSeen: sees(eye, renamed, (sight) => sight?.mails === 0),
    },
    {
      ...there,
      name: 'remove',
      what: 'the deletion of its mailbox',
      change: () => hand.remove(renamed),
      isSeen: sees(eye, renamed, (sight) => sight === undefined),
    },
  ];
}

const canary = (name: string): string =>
  [
    'From: dsyncd doctor <dsyncd-doctor@localhost>',
    `Subject: ${name}`,
    `Message-ID: <${name}@dsyncd-doctor>`,
    '',
    'A canary of `dsyncadm doctor --probe`. It is removed by itself.',
    '',
  ].join('\r\n');
