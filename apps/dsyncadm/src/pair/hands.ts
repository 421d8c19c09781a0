import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { DsyncdError, messageOf } from '@dsyncd/core';
import {
  applyPlan,
  type DovecotTemplates,
  findObstacles,
  type Hands,
  type HostFacts,
  type Journal,
  type Machine,
  type Material,
  makePlan,
  type Owner,
  type Place,
  type Plan,
  readJournal,
  type SshInput,
  taken,
  undoJournal,
  writeJournal,
} from '@dsyncd/pairing';
import { type Dialog, filesText, planJson, planText } from './dialog.ts';
import { dovecotConfOf } from './here.ts';
import type { ServicesMode } from './options.ts';
import { serviceLines } from './services.ts';
import { checkSshd, reloadSshd } from './ssh.ts';

export interface HandsOptions {
  readonly facts: HostFacts;
  readonly place: Place;
  readonly owner: Owner | undefined;
  readonly root: string;
  readonly templates: DovecotTemplates | undefined;
  readonly hasSample: boolean;
  readonly ssh: SshInput | undefined;
  readonly mode: ServicesMode;
  readonly dialog: Dialog;
  readonly machine: Machine;
  readonly now: () => number;
}

/** Writes on this host what the two hosts agree on. */
export class HostHands implements Hands {
  readonly facts: HostFacts;
  readonly #options: HandsOptions;
  #journal: Journal | undefined;

  constructor(options: HandsOptions) {
    this.facts = options.facts;
    this.#options = options;
  }

  planFor(peer: HostFacts): Plan {
    const { facts, place, templates, hasSample, ssh } = this.#options;
    return makePlan({ own: facts, peer, place, templates, hasSample, ssh });
  }

  /** @throws {DsyncdError} when something is in the way of the plan */
  async check(peer: HostFacts): Promise<Plan> {
    if ((this.facts.ssh === undefined) !== (peer.ssh === undefined)) throw notBothSsh(peer);
    const plan = this.planFor(peer);
    const obstacles = await findObstacles(plan);
    if (obstacles.length > 0) throw taken(obstacles);
    if (!plan.isSsh) await checkPort(this.#options.place.listenAddress, plan.port);
    return plan;
  }

  async showPlan(peer: HostFacts): Promise<Plan> {
    const { dialog, mode } = this.#options;
    const plan = await this.check(peer);
    await dialog.show('plan', planText(plan, await serviceLines(plan, mode)), planJson(plan));
    return plan;
  }

  async agree(peer: HostFacts): Promise<void> {
    const plan = await this.showPlan(peer);
    await this.#options.dialog.agree('Do this?', () => filesText(plan));
  }

  async write(material: Material, peer: HostFacts): Promise<void> {
    const { place, owner, root, now } = this.#options;
    this.#journal = await applyPlan(this.planFor(peer), material, {
      journalFile: place.journal,
      owner,
      now: now(),
    });
    if (this.facts.engine === 'dovecot') await checkDovecot(root);
    if (this.facts.ssh !== undefined) {
      await checkSshd(place, root);
      // Before the other host hears that all is written, and logs in.
      await reloadSshd(root);
    }
  }

  async keep(): Promise<void> {
    if (this.#journal === undefined) return;
    this.#journal = { ...this.#journal, state: 'kept' };
    await writeJournal(this.#options.place.journal, this.#journal);
  }

  /** Notes what is about to be started, so that `undo` ends it. */
  async note(entries: Journal['entries']): Promise<void> {
    if (this.#journal === undefined || entries.length === 0) return;
    this.#journal = { ...this.#journal, entries: [...this.#journal.entries, ...entries] };
    await writeJournal(this.#options.place.journal, this.#journal);
  }

  /** By the journal on disk, as writing may have failed at any point. */
  async rollBack(): Promise<void> {
    const { place, machine, dialog } = this.#options;
    const journal = await readJournal(place.journal);
    if (journal?.state !== 'open') return;
    await undoJournal(journal, place.journal, machine);
    await dialog.show('rolled-back', 'What was written on this host is removed again.');
  }
}

const notBothSsh = ({ hostname, ssh }: HostFacts): DsyncdError =>
  new DsyncdError(
    'DSYNCD_PAIR_REFUSED',
    ssh === undefined
      ? `--ssh was given here, but not on ${hostname}`
      : `--ssh was given on ${hostname}, but not here`,
    { outcome: 'operator', hint: 'give --ssh on both hosts, or on none' },
  );

/** A program that has the port already would keep ours from starting. */
async function checkPort(address: string, port: number): Promise<void> {
  const server = createServer().listen(port, address);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new DsyncdError('DSYNCD_LISTEN', `port ${port} of this host cannot be used: ${messageOf(error)}`, {
      outcome: 'operator',
      hint: 'choose another with --port',
      cause: error,
    });
  }
  server.close();
  await once(server, 'close');
}

/** What the drop-in brings, and Dovecot does not know before. */
const mark = 'dsyncd-doveadm';

async function checkDovecot(root: string): Promise<void> {
  const file = dovecotConfOf(root);
  let printed: string;
  try {
    ({ stdout: printed } = await promisify(execFile)('doveconf', ['-n', '-c', file]));
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw badDovecot(`doveconf does not accept the drop-in: ${stderr.trim().split('\n')[0]}`);
  }
  if (!printed.includes(mark)) throw badDovecot(`${file} does not include conf.d/99-dsyncd.conf`);
}

const badDovecot = (message: string): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_DOVECOT', message, {
    outcome: 'operator',
    hint: 'the drop-in is removed again; correct the configuration of Dovecot, then pair again',
  });
