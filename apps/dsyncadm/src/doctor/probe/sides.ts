/** Does to the canary mailbox what a user does; each deed is notified as any other change. */
export interface ProbeHand {
  create(mailbox: string): Promise<void>;
  save(mailbox: string, mail: string): Promise<void>;
  /** Flags every mail in it. */
  flag(mailbox: string, flag: ProbeFlag): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Expunges every mail in it. Answers what an operator should know of how that is notified, if anything. */
  expunge(mailbox: string): Promise<string | undefined>;
  /** Does nothing when it is not there. */
  remove(mailbox: string): Promise<void>;
}

/** Looks at the canary mailbox. */
export interface ProbeEye {
  /** Undefined: there is no such mailbox. */
  look(mailbox: string): Promise<Sight | undefined>;
}

export interface Sight {
  readonly mails: number;
  /** Of all mails together, `\Flagged`. */
  readonly flags: readonly string[];
}

export type ProbeFlag = '\\Flagged' | '\\Answered';
