// Manual pages, made from what the reference is made from: the schema of the settings, the command tree and the usage of the programs.

/** [file in deploy/man, how it is made] */
export const manPages = [
  ['dsyncd.toml.5', settingsPage],
  ['dsyncadm.8', commandsPage],
  ['dsyncd.8', () => programPage('dsyncd', 'replicator', 'keeps the mail of two hosts the same')],
  ['dsync-server.8', () => programPage('dsync-server', 'dsync-server', 'the other end of a sync')],
  [
    'dsync-lmtp.8',
    () => programPage('dsync-lmtp', 'lmtp', 'delivers mail by LMTP into the replicated store'),
  ],
];

const others = 'dsyncd(8), dsync-server(8), dsync-lmtp(8), dsyncadm(8), dsyncd.toml(5)';

/** A page by sections: title to lines of roff. `about` is one line without a full stop. */
function page(name, section, about, sections) {
  const seeAlso = others
    .split(', ')
    .filter((other) => other !== `${name}(${section})`)
    .map((other) => other.replace(/^(.*)\((\d)\)$/, '.BR $1 ($2)').replaceAll('-', '\\-'));
  const lines = [
    '.\\" Made by `node test/tooling/generate.mjs`; do not edit.',
    `.TH ${roff(name.toUpperCase())} ${section} "" dsyncd "dsyncd manual"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(about)}`,
    ...sections.flatMap(([title, body]) => [`.SH ${title}`, ...body]),
    '.SH SEE ALSO',
    ...seeAlso.map((line, index) => (index < seeAlso.length - 1 ? `${line},` : line)),
    '.PP',
    `Errors and guides: ${bold('/usr/share/doc/dsyncd')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Text as roff, in which Markdown's backquotes become bold. */
const prose = (text) =>
  text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? bold(part) : roff(part)))
    .join('');

/** A line that begins with a dot or quote would be a request. */
const roff = (text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
const bold = (text) => (text === '' ? '' : `\\fB${roff(text)}\\fP`);

/** Shown as it is, line by line. */
const verbatim = (text) => ['.EX', ...text.trimEnd().split('\n').map(roff), '.EE'];

async function settingsPage() {
  const { settings } = await import('../../packages/config/src/settings/settings.ts');
  const { fileNotes } = await import('../../packages/config/src/settings/reference.ts');
  const { expectation, nodeOf, recordOf } = await import(
    '../../packages/config/src/settings/setting-kinds.ts'
  );
  const sections = [];
  const add = (schema, path) => {
    const node = nodeOf(schema);
    const record = recordOf(node);
    if (record !== undefined) return add(record.value, [...path, 'NAME']);
    const entries = Object.entries(node.properties ?? {});
    const isTable = ([, property]) => nodeOf(property).type === 'object';
    const body = entries.filter((entry) => !isTable(entry)).flatMap(setting);
    const title = path.length === 0 ? 'TOP LEVEL' : `"TABLE [${roff(path.join('.'))}]"`;
    const about = node.description === undefined ? [] : [prose(node.description)];
    if (body.length > 0) sections.push([title, [...about, ...body]]);
    for (const [key, property] of entries.filter(isTable)) add(property, [...path, key]);
  };
  const setting = ([key, schema]) => {
    const node = nodeOf(schema);
    const fallback = node.default === undefined ? '' : ` Default: ${bold(JSON.stringify(node.default))}.`;
    return [
      '.TP',
      bold(key),
      `${prose(node.description ?? '')} Value: ${roff(expectation(node))}.${fallback}`,
    ];
  };
  add(settings, []);
  const description = [
    `Read by all programs of dsyncd, in TOML. ${bold('dsyncadm config check')} checks a file; the daemons read it again on SIGHUP.`,
    ...fileNotes.flatMap((note) => ['.PP', prose(note)]),
  ];
  return page('dsyncd.toml', 5, 'settings of dsyncd', [
    ['SYNOPSIS', [bold('/etc/dsyncd/dsyncd.toml'), '.br', bold('/etc/dsyncd/conf.d/*.toml')]],
    ['DESCRIPTION', description],
    ...sections,
  ]);
}

async function commandsPage() {
  const { createProgram, registerCommands } = await import('../../apps/dsyncadm/src/program.ts');
  const { helpOf, leavesOf } = await import('../../apps/dsyncadm/src/commands/config.ts');
  const program = createProgram('0');
  // Commands use it when they run, which none does here.
  registerCommands(program, undefined);
  const commands = leavesOf(program, 'dsyncadm').flatMap(([name, command]) => [
    `.SS "${roff(name)}"`,
    ...verbatim(helpOf(command, 78)),
  ]);
  return page('dsyncadm', 8, 'administers dsyncd: replication, mail, configuration', [
    ['SYNOPSIS', [`${bold('dsyncadm')} [${bold('-c')} FILE] COMMAND ...`]],
    [
      'DESCRIPTION',
      [
        `${bold('dsyncadm status')} answers whether everything is replicated, ${bold('dsyncadm doctor')} what is wrong and what to do.`,
      ],
    ],
    ['COMMANDS', commands],
    ['ENVIRONMENT', environment],
    ['FILES', files],
  ]);
}

const environment = [
  '.TP',
  bold('DSYNCD_CONFIG'),
  `The configuration, where ${bold('-c')} names none.`,
  '.TP',
  bold('CREDENTIALS_DIRECTORY'),
  `Where ${bold('credential:NAME')} of a setting is; set by systemd.`,
];
const files = ['.TP', bold('/etc/dsyncd/dsyncd.toml'), 'Configuration; see', '.BR dsyncd.toml (5).'];

async function programPage(name, folder, about) {
  const { readFileSync } = await import('node:fs');
  const source = readFileSync(new URL(`../../apps/${folder}/src/main.ts`, import.meta.url), 'utf8');
  const usage = /^const usage = `(.*?)`;$/ms.exec(source)?.[1]?.replaceAll('\\`', '`');
  if (usage === undefined) throw new Error(`${folder}/src/main.ts has no usage`);
  const [synopsis, ...paragraphs] = usage.trim().split('\n\n');
  const lines = synopsis.split('\n').map((line) => roff(line.replace(/^(usage:)?\s+/, '')));
  return page(name, 8, about, [
    ['SYNOPSIS', lines.flatMap((line, index) => (index === 0 ? [line] : ['.br', line]))],
    [
      'DESCRIPTION',
      paragraphs.flatMap((text, index) => [
        ...(index === 0 ? [] : ['.PP']),
        prose(text.replaceAll('\n', ' ')),
      ]),
    ],
    [
      'EXIT STATUS',
      [
        ...[
          '0|It was ended by a signal, or printed help.',
          '64|The command line is wrong.',
          '70|A defect of dsyncd.',
        ],
        '75|The cause may pass: a port in use, a full disk. systemd starts it again.',
        '78|The configuration cannot be used; another start fails, too.',
      ].flatMap((line) => ['.TP', bold(line.split('|')[0]), roff(line.split('|')[1])]),
    ],
    ['ENVIRONMENT', environment],
    ['FILES', files],
  ]);
}
