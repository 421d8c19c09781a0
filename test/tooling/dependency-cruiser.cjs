// The arrows of the house: packages import downwards only, apps import packages, never each other.
const mayImport = {
  core: [],
  process: ['core'],
  protocol: ['core'],
  queue: ['core', 'process'],
  mailstore: ['core', 'process'],
  'dovecot-maildir': ['core', 'mailstore'],
  dsync: ['core', 'protocol', 'mailstore'],
  transport: ['core', 'protocol'],
  notify: ['core', 'process', 'protocol'],
  engine: ['core', 'protocol', 'dsync', 'mailstore', 'transport'],
  config: ['core'],
  changes: ['core', 'process'],
  telemetry: ['core'],
  alerts: ['core', 'protocol', 'config', 'queue'],
  replicator: ['core', 'process', 'protocol', 'queue', 'engine', 'notify'],
  doctor: ['core', 'protocol', 'config', 'engine', 'mailstore', 'notify', 'transport'],
  'http-api': ['core', 'process', 'protocol', 'queue', 'changes', 'replicator', 'notify', 'telemetry'],
  'queue-redis': ['core', 'queue'],
  pairing: ['core'],
  verify: ['core', 'mailstore'],
  testkit: ['core', 'protocol', 'mailstore', 'notify', 'queue', 'transport'],
};

const arrows = Object.entries(mayImport).map(([name, allowed]) => ({
  name: `arrows-of-${name}`,
  comment: `packages/${name} may import ${allowed.join(', ') || 'no other package'}`,
  severity: 'error',
  from: { path: `^packages/${name}/src` },
  to: { path: '^(packages|apps)/', pathNot: `^packages/(${[name, ...allowed].join('|')})/` },
}));

/** One npm package has one place that knows it. */
const homes = {
  // In the mail store only its threads: whatever else opened the index would race with them.
  'better-sqlite3': 'process|queue|changes|mailstore/(src/maildir/worker|test)',
  ssh2: 'transport',
  '@peculiar/x509': 'pairing',
  pino: 'telemetry',
  'smol-toml': 'config',
  typebox: 'config|http-api',
  fastify: 'http-api',
  'prom-client': 'telemetry',
  bullmq: 'queue-redis',
  ioredis: 'queue-redis',
  '@bull-board': 'queue-redis',
};
const adapters = Object.entries(homes).map(([name, home]) => ({
  name: `only-${home.replaceAll(/[^a-z-]+/g, '-')}-uses-${name}`,
  severity: 'error',
  from: { path: '^(packages|apps)/', pathNot: `^packages/(${home})/` },
  to: { path: `node_modules/(@types/)?${name}/` },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-type-cycles',
      comment: 'neither file can be understood without the other',
      severity: 'error',
      from: {},
      to: { circular: true, via: { dependencyTypes: ['type-only'] } },
    },
    ...arrows,
    ...adapters,
    {
      name: 'apps-stand-alone',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'pure-packages-do-no-io',
      comment:
        'core, protocol, dsync and the queue model are functions of their input; I/O comes in as ports',
      severity: 'error',
      from: { path: '^packages/((core|protocol|dsync)/src|queue/src/model)/' },
      to: { path: '^(node:)?(fs|net|tls|child_process|http|worker_threads|dgram)(/|$)' },
    },
    {
      name: 'no-test-code-in-production',
      severity: 'error',
      from: { path: '^(packages|apps)/[^/]+/src', pathNot: '^packages/testkit/|/contract/' },
      to: { path: '^packages/testkit/|/test/|/contract/|node_modules/(vitest|fast-check)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(/dist/|/test/)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js'],
    },
  },
};
