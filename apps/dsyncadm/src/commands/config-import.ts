import type { DoveconfImport, ImportNote } from '@dsyncd/config';
import type { Command } from 'commander';
import { addHelpParts } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { readTextFile } from '../input/text-file.ts';
import { type Output, writeNewFile } from '../output/new-file.ts';
import { printable } from '../output/table.ts';

interface Options {
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
  command.action((options: Options) => importConfig(context, options));
}

async function importConfig(context: CommandContext, options: Options): Promise<void> {
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
