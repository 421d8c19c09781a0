import type { ChannelConfig } from '@dsyncd/config';
import { DsyncdError, formatSpan, messageOf, systemRandom, type UserName } from '@dsyncd/core';
import type { Scene } from '@dsyncd/doctor';
import { judgeFailover } from '../commands/failover.ts';
import type { CommandContext } from '../context.ts';
import { endsOf } from '../probe/probe.ts';
import { type Sight, sightOf } from '../probe/sides.ts';
import type { Ends } from '../probe/steps.ts';
import type { ReplicationHealth } from '../replication-health.ts';
import { type Hooks, runHook } from './hooks.ts';
import { deliverByLmtp } from './lmtp-delivery.ts';
import type { RehearsalReport, RehearsalResult, RehearsalStep } from './report.ts';

export interface RehearsalOptions {
  readonly channel: ChannelConfig;
  readonly hostname: string;
  readonly canaryUser: UserName;
  readonly recipientDelimiter: string;
  /** Of the other host; missing: the canary is saved here and read there. */
  readonly lmtpAddress: string | undefined;
  readonly hooks: Hooks;
  readonly timeoutMs: number;
}

export interface RehearsalPorts {
  readonly context: CommandContext;
  readonly scene: Scene;
  /** The operator wants to end it. */
  readonly signal: AbortSignal;
  /** Waits until everything is replicated, or the time is over. */
  drain(): Promise<ReplicationHealth>;
  health(): Promise<ReplicationHealth>;
  onStep(step: RehearsalStep): Promise<void>;
}

/** The replica could not take over without a loss. */
class Refusal extends Error {
  readonly reasons: readonly string[];
  constructor(reasons: readonly string[]) {
    super('the replica would lack mail');
    this.reasons = reasons;
  }
}

/**
 * Leaves this host for the other one and comes back, step by step. Each step notes how it is undone before it begins, so that an
 * end at any point, by a failure or a signal, puts everything back. Never rejects.
 */
export class Rehearsal {
  readonly #options: RehearsalOptions;
  readonly #ports: RehearsalPorts;
  readonly #steps: RehearsalStep[] = [];
  readonly #undo: { readonly name: string; readonly run: () => Promise<void> }[] = [];
  readonly #mailbox = `dsyncd-rehearsal-${systemRandom.hex(4)}`;
  #rpoMs: number | undefined;
  #rtoMs: number | undefined;

  constructor(options: RehearsalOptions, ports: RehearsalPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  async run(): Promise<RehearsalReport> {
    const startedAt = new Date(this.#ports.context.clock.now()).toISOString();
    const { channel, hostname } = this.#options;
    let result: RehearsalResult = 'passed';
    const reasons: string[] = [];
    try {
      await this.#goThere();
    } catch (error) {
      result = error instanceof Refusal ? 'refused' : 'aborted';
      reasons.push(...(error instanceof Refusal ? error.reasons : [messageOf(error)]));
    }
    // On success this is the way back, as on failure.
    const failures = await this.#putBack();
    if (failures.length > 0) result = 'not put back';
    return {
      result,
      startedAt,
      hostname,
      channel: channel.name,
      replica: channel.mailReplica,
      rpoSeconds: this.#rpoMs === undefined ? null : this.#rpoMs / 1000,
      rtoSeconds: this.#rtoMs === undefined ? null : this.#rtoMs / 1000,
      reasons: [...reasons, ...failures],
      steps: this.#steps,
    };
  }

  async #goThere(): Promise<void> {
    const { context, scene } = this.#ports;
    const { channel, canaryUser, hooks } = this.#options;
    await this.#step('check', () => this.#requireReady());
    const ends = await endsOf(scene, context, channel, canaryUser);
    await this.#step('canary', async () => {
      this.#undo.push({ name: 'remove canary', run: () => ends.cleaner.remove(this.#mailbox) });
      await ends.hand.create(this.#mailbox);
      await this.#until(
        'the mailbox of the canary is there',
        async () => (await this.#lookThere(ends)) !== undefined,
      );
      return `mailbox ${this.#mailbox} of ${canaryUser} is on both hosts`;
    });
    const { missingMs } = judgeFailover({ health: await this.#ports.health(), rpoMs: 0 });
    this.#rpoMs = missingMs ?? 0;
    const leftAt = performance.now();
    await this.#hook('stop', hooks.stop, hooks.start, 'start');
    await this.#step('drain', () => this.#requireReady());
    await this.#hook('move', hooks.move, hooks.back, 'back');
    await this.#step('deliver there', async () => {
      const how = await this.#deliver(ends);
      await this.#until(
        'the canary can be read there',
        async () => (await this.#lookThere(ends))?.mails === 1,
      );
      this.#rtoMs = performance.now() - leftAt;
      return `${how}, and read there ${formatSpan(this.#rtoMs)} after this host was left`;
    });
    if (this.#options.lmtpAddress === undefined) return;
    await this.#step('come back', async () => {
      await this.#until('the canary has come back', () => this.#isHere(ends));
      return 'what was delivered there is on this host';
    });
  }

  async #requireReady(): Promise<string> {
    const verdict = judgeFailover({ health: await this.#ports.drain(), rpoMs: 0 });
    this.#ports.signal.throwIfAborted();
    if (!verdict.isReady) throw new Refusal(verdict.reasons);
    return 'the replica has everything';
  }

  async #deliver(ends: Ends): Promise<string> {
    const { lmtpAddress, canaryUser, recipientDelimiter } = this.#options;
    const mail = canaryMail(this.#mailbox);
    if (lmtpAddress === undefined) {
      await ends.hand.save(this.#mailbox, mail);
      return 'saved here (no --lmtp)';
    }
    const at = canaryUser.lastIndexOf('@');
    const [local, domain] = at < 0 ? [canaryUser, ''] : [canaryUser.slice(0, at), canaryUser.slice(at)];
    const recipient = `${local}${recipientDelimiter}${this.#mailbox}${domain}`;
    await deliverByLmtp(lmtpAddress, recipient, mail, this.#ports.signal);
    return `delivered by LMTP to ${lmtpAddress}`;
  }

  #lookThere({ eye }: Ends): Promise<Sight | undefined> {
    return eye.look(this.#mailbox);
  }

  async #isHere({ back }: Ends): Promise<boolean> {
    if (back !== undefined) return (await back.nearEye.look(this.#mailbox))?.mails === 1;
    const { context } = this.#ports;
    const sight = await context.withUserMail(this.#options.canaryUser, (mail) =>
      sightOf(mail, this.#mailbox),
    );
    return sight?.mails === 1;
  }

  async #until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const { scene, signal } = this.#ports;
    const deadline = scene.clock.now() + this.#options.timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      let reason = '';
      try {
        if (await isTrue()) return;
      } catch (error) {
        // An end that is busy with the sync that we wait for is asked again.
        if (!(error instanceof DsyncdError)) throw error;
        reason = `: ${error.message}`;
      }
      if (scene.clock.now() > deadline)
        throw new Error(`not after ${formatSpan(this.#options.timeoutMs)}: ${what}${reason}`);
      await scene.clock.sleep(100, signal);
    }
  }

  /** The undo is noted first: a command that failed may have done half of its work. */
  async #hook(
    name: 'stop' | 'move',
    command: string | undefined,
    opposite: string | undefined,
    oppositeName: 'start' | 'back',
  ): Promise<void> {
    if (opposite !== undefined)
      this.#undo.push({
        name: oppositeName,
        run: () => runHook(oppositeName, opposite, new AbortController().signal),
      });
    if (command === undefined) return;
    await this.#step(name, async () => {
      await runHook(name, command, this.#ports.signal);
      return command;
    });
  }

  async #putBack(): Promise<string[]> {
    const failures: string[] = [];
    for (const { name, run } of this.#undo.splice(0).reverse())
      try {
        await this.#step(name, async () => {
          await run();
          return 'put back';
        });
      } catch (error) {
        failures.push(`NOT put back (${name}): ${messageOf(error)}`);
      }
    return failures;
  }

  async #step(step: string, work: () => Promise<string>): Promise<void> {
    const startedAt = performance.now();
    const note = (ok: boolean, text: string): Promise<void> => {
      const noted = { step, ok, seconds: Math.round(performance.now() - startedAt) / 1000, text };
      this.#steps.push(noted);
      // A terminal that is gone must not keep us from putting things back.
      return this.#ports.onStep(noted).catch(() => {});
    };
    try {
      await note(true, await work());
    } catch (error) {
      await note(false, error instanceof Refusal ? error.reasons.join('; ') : messageOf(error));
      throw error;
    }
  }
}

const canaryMail = (name: string): string =>
  [
    'From: dsyncd rehearsal <dsyncd-rehearsal@localhost>',
    `Subject: ${name}`,
    `Message-ID: <${name}@dsyncd-rehearsal>`,
    '',
    'A canary of `dsyncadm failover rehearse`. It is removed by itself.',
    '',
  ].join('\r\n');
