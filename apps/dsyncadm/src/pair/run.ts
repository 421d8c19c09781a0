import { hostname as systemHostname } from 'node:os';
import { DsyncdError } from '@dsyncd/core';
import {
  followPair,
  formatCode,
  type HostFacts,
  isHostName,
  joinHost,
  leadPair,
  listenForJoiner,
  newCode,
  newHostKey,
  parseCode,
  publicKeyOf,
  readJournal,
  selfSigned,
  seriesOf,
  type Undone,
  undoJournal,
} from '@dsyncd/pairing';
import { type CommandContext, programVersion } from '../context.ts';
import { notPossible, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { checkCanAsk, Dialog } from './dialog.ts';
import { type FinishResult, finishPair } from './finish.ts';
import { HostHands } from './hands.ts';
import {
  configFileOf,
  dovecotHere,
  isShippedSample,
  journalOf,
  mailOwnerOf,
  placeOf,
  servicesModeOf,
  templatesFor,
} from './here.ts';
import { type PairOptions, type PlaceOptions, pairPort } from './options.ts';
import { realMachine } from './services.ts';
import { sshHere } from './ssh.ts';

/** What both sides have before they speak with each other. */
interface Prepared {
  readonly dialog: Dialog;
  readonly hands: HostHands;
  readonly facts: HostFacts;
  readonly finish: (peer: HostFacts) => Promise<FinishResult>;
}

export interface InitOptions extends PairOptions {
  readonly pairPort: number;
  readonly pairAddress: string;
  readonly valid: number;
}

/** The first host: prints the code, and waits for the other one. */
export async function runInit(
  context: CommandContext,
  config: string | undefined,
  options: InitOptions,
): Promise<void> {
  const { clock } = context;
  const prepared = await prepare(context, config, options);
  const { dialog, hands, facts } = prepared;
  if (options.dryRun) return void (await hands.showPlan(unknownPeer(facts)));
  await hands.check(unknownPeer(facts));
  const key = await newHostKey();
  const code = newCode(publicKeyOf(key.privatePem));
  const listener = await listenForJoiner({
    address: options.pairAddress,
    port: options.pairPort,
    certificate: await selfSigned(key, clock.now()),
    privateKey: key.privatePem,
    code,
    facts,
    validMs: options.valid * 1000,
    clock,
    onRefused: (from, reason) => context.terminal.note(`dsyncadm: ${from} was not let in: ${reason}`),
  });
  const text = formatCode(code);
  const where = `${facts.address}${listener.port === pairPort ? '' : `:${listener.port}`}`;
  await dialog.show(
    'code',
    `On the other host run:\n  dsyncadm pair join ${where}\nand give it this code, which is good once, for ${Math.round(options.valid / 60)} minutes:\n  ${text}`,
    { code: text, port: listener.port, validSeconds: options.valid },
  );
  try {
    const joined = await listener.joined;
    await dialog.show('joined', `${joined.peer.hostname} has come, from ${joined.from}.`, {
      peer: joined.peer,
    });
    await leadPair(joined, hands, clock);
    await conclude(context, prepared, joined.peer);
  } finally {
    listener.close();
  }
}

/** The second host. */
export async function runJoin(
  context: CommandContext,
  config: string | undefined,
  options: PairOptions & { readonly target: string; readonly code: string | undefined },
): Promise<void> {
  const { host, port } = parseTarget(options.target);
  const prepared = await prepare(context, config, options);
  const { dialog, hands, facts } = prepared;
  const placeholder = { ...unknownPeer(facts), hostname: host, address: host };
  if (options.dryRun) return void (await hands.showPlan(placeholder));
  await hands.check(placeholder);
  const code = parseCode(options.code ?? (await dialog.secret('Code: ')));
  const joined = await joinHost({ host, port, code, facts });
  // The way that this host has just gone is the one that works.
  const peer = { ...joined.peer, address: host };
  await dialog.show('joined', `${peer.hostname} has accepted the code.`, { peer });
  const result = await followPair({ ...joined, peer }, hands);
  if (result === 'unsure')
    context.terminal.note(
      'dsyncadm: the connection broke at the last word. If `pair init` on the other host did not end as paired, run `dsyncadm pair undo` here and pair again',
    );
  await conclude(context, prepared, peer);
}

async function prepare(
  context: CommandContext,
  config: string | undefined,
  given: PairOptions,
): Promise<Prepared> {
  checkCanAsk(context.terminal, given);
  const asks = !given.yes && !given.dryRun;
  const dialog = new Dialog(context.terminal, { isJson: given.json === true, asks });
  const configFile = configFileOf(given.root, config);
  const { owner, group } = await mailOwnerOf(given.user);
  await clearLeftovers(context, dialog, given.root, journalOf(configFile), given.dryRun === true);
  const { facts: basic, options } = await factsOf(dialog, given);
  const place = placeOf(options, configFile, group);
  const ssh = options.ssh === true ? await sshHere(place, options.root, options.sshPort) : undefined;
  const facts: HostFacts = { ...basic, ssh: ssh?.facts };
  const series = seriesOf(facts.dovecot);
  const hands = new HostHands({
    facts,
    place,
    owner,
    root: options.root,
    templates: facts.engine === 'dovecot' && series !== undefined ? await templatesFor(series) : undefined,
    hasSample: await isShippedSample(configFile),
    ssh: ssh?.input,
    mode: servicesModeOf(options),
    dialog,
    machine: realMachine(options.root, context.clock),
    now: context.clock.now,
  });
  return {
    dialog,
    hands,
    facts,
    finish: (peer) =>
      finishPair(context, dialog, {
        mode: servicesModeOf(options),
        plan: hands.planFor(peer),
        place,
        owner,
        root: options.root,
        waitMs: options.wait * 1000,
        probe: options.probe,
        note: (entries) => hands.note(entries),
      }),
  };
}

/** A pairing that was killed left a part of its files: they go first. */
async function clearLeftovers(
  context: CommandContext,
  dialog: Dialog,
  root: string,
  journalFile: string,
  isDryRun: boolean,
): Promise<void> {
  const journal = await readJournal(journalFile);
  if (journal === undefined) return;
  if (journal.state === 'kept')
    throw new DsyncdError('DSYNCD_PAIR_TAKEN', `this host is paired with ${journal.peer} already`, {
      outcome: 'operator',
      hint: '`dsyncadm pair undo` takes it back',
    });
  if (isDryRun) return;
  await undoJournal(journal, journalFile, realMachine(root, context.clock));
  await dialog.show('cleared', 'Removed what a pairing that did not end had left.');
}

async function factsOf(
  dialog: Dialog,
  options: PairOptions,
): Promise<{ readonly facts: HostFacts; readonly options: PairOptions }> {
  const found = await dovecotHere(options.root);
  const dovecot = found?.version;
  const hostname = options.hostname ?? (await dialog.ask('Name of this host', systemHostname()));
  const address =
    options.address ??
    (await dialog.ask('Name or address at which the other host reaches this one', hostname));
  const engine =
    options.engine ??
    engineOf(
      await dialog.ask(
        'Where the mail is, builtin or dovecot',
        seriesOf(dovecot) === undefined ? 'builtin' : 'dovecot',
      ),
    );
  if (!isHostName(hostname))
    throw usageError(`${JSON.stringify(hostname)} is no host name`, 'give one with --hostname');
  if (engine === 'dovecot' && options.ssh === true)
    throw usageError(
      '--ssh is for mail in the built-in engine: a Dovecot starts ssh by itself',
      'pair over TLS, without --ssh',
    );
  if (engine === 'dovecot' && seriesOf(dovecot) === undefined)
    throw notPossible(
      dovecot === undefined
        ? 'there is no Dovecot on this host, or `doveconf -n` fails'
        : `dsyncd works with Dovecot 2.3 and 2.4, not with ${dovecot}`,
      'use --engine builtin, or correct the configuration of Dovecot first',
    );
  return {
    facts: {
      version: programVersion(),
      hostname,
      address,
      port: options.port,
      engine,
      dovecot,
      tls: engine === 'builtin' || found?.hasTls === true,
    },
    options: { ...options, hostname, address, engine },
  };
}

function engineOf(answer: string): 'builtin' | 'dovecot' {
  if (answer === 'builtin' || answer === 'dovecot') return answer;
  throw usageError(`${JSON.stringify(answer)} is no engine`, 'answer builtin or dovecot');
}

function parseTarget(target: string): { readonly host: string; readonly port: number } {
  const match =
    /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(target) ?? /^([0-9a-fA-F:]+)$/.exec(target);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined)
    throw usageError(`${JSON.stringify(target)} is no host`, 'use HOST, HOST:PORT or [IPV6]:PORT');
  return { host, port: match?.[3] === undefined ? pairPort : Number(match[3]) };
}

/** Stands for the other host where it is not known yet: the plan of this host hardly depends on it. */
const unknownPeer = (own: HostFacts): HostFacts => ({
  ...own,
  hostname: 'the other host',
  address: 'the other host',
});

async function conclude(
  context: CommandContext,
  { dialog, hands, facts, finish }: Prepared,
  peer: HostFacts,
): Promise<void> {
  const result = await finish(peer);
  const plan = hands.planFor(peer);
  const said: Readonly<Record<FinishResult, string>> = {
    good: `Paired: ${facts.hostname} and ${peer.hostname} replicate to each other.`,
    problems: `Paired, but not everything is good: see above, and \`dsyncadm doctor\`.`,
    'not started': `Paired; the programs are still to be started.`,
  };
  const files = plan.files.map(({ path }) => path);
  await dialog.show(
    'paired',
    [said[result], `Written: ${files.join(', ')}`, 'To take it back on this host: dsyncadm pair undo'].join(
      '\n',
    ),
    { result, peer, files, undo: 'dsyncadm pair undo' },
  );
  context.exitWith(result === 'good' ? exitCodes.ok : exitCodes.behind);
}

/** Takes back what a pairing made on this host. */
export async function runUndo(
  context: CommandContext,
  config: string | undefined,
  options: PlaceOptions & { readonly yes?: boolean; readonly json?: boolean },
): Promise<void> {
  checkCanAsk(context.terminal, options);
  const dialog = new Dialog(context.terminal, { isJson: options.json === true, asks: !options.yes });
  const file = journalOf(configFileOf(options.root, config));
  const journal = await readJournal(file);
  if (journal === undefined)
    throw notPossible(`there is nothing to take back: ${file} does not exist`, 'nothing was changed');
  await dialog.agree(`Take back the pairing with ${journal.peer}? Mail stays`);
  const results = await undoJournal(journal, file, realMachine(options.root, context.clock));
  await dialog.show('undone', results.map(undoneText).join('\n'), { results });
}

const undoneText = ({ what, result, why }: Undone): string =>
  `${result.padEnd(8)} ${what}${why === undefined ? '' : ` (${why})`}`;
