import type { Config, DoveconfImport, ImportNote } from '@dsyncd/config';
import { countOf } from '@dsyncd/core';
import type { Command } from 'commander';
import type { ConfigFinding } from '../config-access.ts';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { addHelpParts, addJsonOption, exitCodes } from '../exit-codes.ts';
import { type Output, readTextFile, writeNewFile } from '../input/files.ts';
import { printable } from '../output/table.ts';

interface ConfigCheckOptions {
  readonly json?: boolean;
}

export function registerConfigCheck(parent: Command, context: CommandContext): void {
  const command = parent
    .command('check')
    .summary('check the configuration')
    .description(
      'Check the configuration and what it names: secrets, certificates, folders. Run it as the user that ' +
        'the services run as.',
    );
  addHelpParts(addJsonOption(command), {
    examples: ['config check', 'config check -c ./dsyncd.toml'],
    exits: ['config'],
  });
  command.action((options: ConfigCheckOptions) => checkConfig(context, options));
}

async function checkConfig(context: CommandContext, options: ConfigCheckOptions): Promise<void> {
  const { terminal } = context;
  const config = await context.config();
  const { checkSurroundings } = await import('../config-check.ts');
  const findings = await checkSurroundings(config);
  const errorCount = findings.filter(({ severity }) => severity === 'error').length;
  if (options.json)
    await terminal.printJson({
      file: config.file,
      ...(config.includedFiles.length === 0 ? {} : { included: config.includedFiles }),
      good: errorCount === 0,
      findings,
    });
  else {
    await terminal.print(findings.map(findingText).join(''));
    const channels = config.channels.map(({ name, mailReplica }) => `${name} to ${mailReplica}`);
    if (errorCount > 0) await terminal.print(`${config.file}: ${countOf(errorCount, 'error')}\n`);
    else await terminal.print(`${filesText(config)} good; channels: ${channels.join(', ') || 'none'}\n`);
  }
  context.exitWith(errorCount === 0 ? exitCodes.ok : exitCodes.config);
}

const filesText = ({ file, includedFiles }: Config): string =>
  includedFiles.length === 0 ? `${file} is` : `${file} with ${includedFiles.join(', ')} are`;

const findingText = ({ severity, message, hint }: ConfigFinding): string =>
  `${severity}: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`;

interface ConfigImportOptions {
  readonly doveconf: string;
  readonly output?: string;
  readonly passwordFile: string;
  readonly writePassword?: boolean;
}

export function registerConfigImport(parent: Command, context: CommandContext): void {
  const command = parent
    .command('import')
    .summary('make a configuration from that of Dovecot 2.3')
    .description(
      'Turn what `doveconf -n` of a Dovecot 2.3 prints into a dsyncd.toml, and say on stderr what could not be ' +
        'taken over, why, and what is left to do. Needs no configuration. Nothing that exists is overwritten.',
    )
    .requiredOption('--doveconf <file>', 'output of `doveconf -n`, or of `doveconf -nP`; "-": stdin')
    .option('-o, --output <file>', 'where the configuration goes; otherwise stdout')
    .option('--password-file <file>', 'what doveadm_password_file is to say', '/etc/dsyncd/secret')
    .option('--write-password', 'make that file from doveadm_password, which only `doveconf -nP` shows');
  addHelpParts(command, {
    examples: [
      'config import --doveconf doveconf.txt -o /etc/dsyncd/dsyncd.toml',
      'config import --doveconf - < doveconf.txt | less',
      'config import --doveconf with-secrets.txt --write-password -o /etc/dsyncd/dsyncd.toml',
    ],
    exits: ['notPossible', 'permission', 'temporary'],
  });
  command.action((options: ConfigImportOptions) => importConfig(context, options));
}

async function importConfig(context: CommandContext, options: ConfigImportOptions): Promise<void> {
  const { terminal } = context;
  const { doveconfLimits, importDoveconf, parseConfig } = await import('@dsyncd/config');
  const text = await readTextFile(options.doveconf, terminal.stdin, doveconfLimits.textBytesMax);
  const result = importDoveconf(text, { passwordFile: options.passwordFile });
  parseConfig(result.toml, options.output ?? 'the imported configuration');
  const files: Output[] = [];
  if (options.writePassword) files.push(passwordOutput(result, options.passwordFile));
  if (options.output !== undefined) files.push({ path: options.output, text: result.toml, mode: 0o644 });
  for (const file of files) await writeNewFile(file);
  for (const note of result.notes) terminal.note(noteText(note));
  if (options.output === undefined) await terminal.print(result.toml);
  else
    terminal.note(`${options.output} written; \`dsyncadm doctor -c ${options.output}\` checks what it names`);
}

const titles: Readonly<Record<ImportNote['kind'], string>> = {
  lost: 'not carried over',
  changed: 'changed',
  todo: 'to do',
};

const noteText = ({ kind, setting, why, hint }: ImportNote): string =>
  [`${titles[kind]}: ${setting}: ${why}`, ...(hint === undefined ? [] : [`  ${hint}`])]
    .map(printable)
    .join('\n');

function passwordOutput({ password }: DoveconfImport, path: string): Output {
  if (password === undefined)
    throw usageError(
      '--write-password: doveconf did not show doveadm_password',
      'make the file with `doveconf -nP`',
    );
  return { path, text: `${password}\n`, mode: 0o600 };
}

interface ConfigReferenceOptions {
  readonly commands?: boolean;
}

export function registerConfigReference(parent: Command, context: CommandContext): void {
  const command = parent
    .command('reference')
    .summary('print every setting with its meaning')
    .description(
      'Print every setting with its type, default and meaning, as Markdown. Needs no configuration.',
    )
    .option('--commands', 'print the help of every command as well');
  addHelpParts(command, {
    examples: ['config reference | less', 'config reference --commands > reference.md'],
  });
  command.action(async (options: ConfigReferenceOptions) => {
    const { referenceText } = await import('@dsyncd/config');
    await context.terminal.print(referenceText());
    if (options.commands) await context.terminal.print(`\n${commandReference(rootOf(command))}`);
  });
}

const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent));

/** The help of every command as Markdown; made from the commands themselves, so never out of date. */
export function commandReference(program: Command): string {
  const sections = leavesOf(program, program.name()).map(
    ([name, command]) => `## ${name}\n\n\`\`\`text\n${helpOf(command).trim()}\n\`\`\`\n`,
  );
  return `# Commands of ${program.name()}\n\n${sections.join('\n')}`;
}

/** Every command that does something, with its whole name. */
export function leavesOf(command: Command, path: string): (readonly [string, Command])[] {
  if (command.commands.length === 0) return [[path, command]];
  return command.commands.flatMap((child) => leavesOf(child, `${path} ${child.name()}`));
}

/** @param width - columns */
export function helpOf(command: Command, width = 100): string {
  let text = '';
  const before = command.configureOutput();
  command.configureOutput({
    ...before,
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => width,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  command.configureOutput(before);
  return text;
}
