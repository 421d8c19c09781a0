import type { Draft } from './draft.ts';
import { blocksOf, type DoveconfBlock, type DoveconfTree, settingOf } from './tree.ts';

const baseDirDefault = '/run/dovecot';

/** `base_dir` of Dovecot, without a slash at its end. */
export function dovecotBaseDir(tree: DoveconfTree): string {
  const folder = settingOf(tree, 'base_dir')?.replace(/\/+$/, '');
  return folder?.startsWith('/') ? folder : baseDirDefault;
}

/** The sockets of the aggregator and the replicator, which dsyncd now makes in the same places. */
export function importSockets(tree: DoveconfTree, draft: Draft): void {
  const baseDir = dovecotBaseDir(tree);
  const sockets = (service: string): readonly DoveconfBlock[] =>
    blocksOf(tree, 'service', service).flatMap((block) => [
      ...blocksOf(block, 'fifo_listener'),
      ...blocksOf(block, 'unix_listener'),
    ]);
  const named = (service: string, ...names: string[]): readonly DoveconfBlock[] =>
    sockets(service).filter((block) => names.includes(baseName(block.name)));
  importAccess(
    'listeners.notify',
    [
      ...named('aggregator', 'replication-notify-fifo', 'replication-notify'),
      ...named('replicator', 'replicator'),
    ],
    baseDir,
    draft,
  );
  importAccess('listeners.replicator', named('replicator', 'replicator-doveadm'), baseDir, draft);
  noteNetwork(tree, draft);
  draft.todo(
    'service aggregator, service replicator',
    'Dovecot must not make the sockets that dsyncd makes now',
    'set mode = 0 for fifo_listener replication-notify-fifo and unix_listener replication-notify in service aggregator, ' +
      'and for unix_listener replicator and replicator-doveadm in service replicator; then reload Dovecot',
  );
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function importAccess(table: string, blocks: readonly DoveconfBlock[], baseDir: string, draft: Draft): void {
  draft.set(table, 'dir', dirOf(blocks, baseDir));
  // Mode 0 switches a socket off: a replicator that was replaced already.
  const live = blocks.filter((block) => Number.parseInt(settingOf(block, 'mode') ?? '1', 8) !== 0);
  importMode(table, live, draft);
  for (const key of ['user', 'group'] as const) {
    const values = [
      ...new Set(live.map((block) => settingOf(block, key)).filter((value) => value !== undefined)),
    ];
    const [value] = values;
    if (value === undefined) continue;
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(value)) {
      draft.lost(
        placesOf(live),
        `the ${key} ${JSON.stringify(value)} cannot be written in dsyncd.toml`,
        `set ${key} in [${table}]`,
      );
      continue;
    }
    draft.set(table, key, value);
    if (values.length > 1)
      draft.changed(placesOf(live), `they have different ${key}s (${values.join(', ')}); all get ${value}`);
  }
}

function importMode(table: string, blocks: readonly DoveconfBlock[], draft: Draft): void {
  const modes = new Set(blocks.flatMap((block) => settingOf(block, 'mode') ?? []));
  let bits = 0;
  for (const mode of modes) {
    if (/^0?[0-7]{3}$/.test(mode)) bits |= Number.parseInt(mode, 8);
    else
      draft.lost(
        placesOf(blocks),
        `mode ${JSON.stringify(mode)} is no mode of a socket`,
        `set mode in [${table}]`,
      );
  }
  if (bits === 0) return;
  const mode = `0${bits.toString(8).padStart(3, '0')}`;
  draft.set(table, 'mode', mode);
  if (modes.size > 1)
    draft.changed(placesOf(blocks), `they have different modes (${[...modes].join(', ')}); all get ${mode}`);
}

/** A name with a path is its own place; the others are in base_dir. */
function dirOf(blocks: readonly DoveconfBlock[], baseDir: string): string {
  const absolute = blocks.find((block) => block.name.startsWith('/'));
  return absolute === undefined ? baseDir : absolute.name.slice(0, absolute.name.lastIndexOf('/')) || '/';
}

const placesOf = (blocks: readonly DoveconfBlock[]): string =>
  [...new Set(blocks.map((block) => `${block.kind} ${block.name}`))].join(', ');

function noteNetwork(tree: DoveconfTree, draft: Draft): void {
  for (const service of ['aggregator', 'replicator'])
    for (const block of blocksOf(tree, 'service', service))
      for (const listener of blocksOf(block, 'inet_listener'))
        draft.lost(
          `service ${service}/inet_listener ${listener.name}`.trimEnd(),
          'dsyncd takes notifications on this host only',
          'run a dsyncd on every mail host',
        );
  const port = settingOf(tree, 'replicator_port');
  if (settingOf(tree, 'replicator_host') !== undefined || (port !== undefined && port !== '0'))
    draft.lost(
      'replicator_host, replicator_port',
      'dsyncd takes notifications on this host only',
      'run a dsyncd on every mail host',
    );
}
