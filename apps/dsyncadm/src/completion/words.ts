import type { Argument, Command, Option } from 'commander';

/** What can stand in one place of a command line. */
export type Value =
  | { readonly kind: 'choices'; readonly choices: readonly string[] }
  | { readonly kind: 'file' | 'folder' | 'text' };

export interface OptionWords {
  /** As typed: `-u`, `--user`. */
  readonly flags: readonly string[];
  readonly about: string;
  /** Missing: the option takes none. */
  readonly value?: Value;
}

/** One command, or group of commands. */
export interface CommandWords {
  /** Names below dsyncadm, with spaces between: `mail list`; empty for dsyncadm itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  /** The options of the command, and those that every command takes. */
  readonly options: readonly OptionWords[];
  /** What its arguments may be; the first one that is a file or has choices. */
  readonly argument: Value;
}

/** The command and everything below it, groups before their commands. */
export function commandWords(program: Command): readonly CommandWords[] {
  const all = optionsOf(program).filter(({ flags }) => !flags.includes('--version'));
  const visit = (command: Command, path: string): CommandWords[] => [
    {
      path,
      commands: command.commands.map((child) => ({ name: child.name(), about: child.summary() })),
      options: path === '' ? optionsOf(program) : [...optionsOf(command), ...all],
      argument: argumentOf(command.registeredArguments),
    },
    ...command.commands.flatMap((child) => visit(child, `${path} ${child.name()}`.trim())),
  ];
  return visit(program, '');
}

const optionsOf = (command: Command): OptionWords[] => [
  ...command.options.map(optionWords),
  ...(command.parent === null ? [{ flags: ['-h', '--help'], about: 'print help' }] : []),
];

function optionWords(option: Option): OptionWords {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const about = option.description;
  return option.required || option.optional
    ? { flags, about, value: kindOfValue(option.flags, option.argChoices) }
    : { flags, about };
}

function argumentOf(all: readonly Argument[]): Value {
  const values = all.map((argument) => kindOfValue(`<${argument.name()}>`, argument.argChoices));
  return values.find(({ kind }) => kind !== 'text') ?? { kind: 'text' };
}

/** `<file>` and `<folder>` are what they say. */
function kindOfValue(placeholder: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: 'choices', choices };
  if (placeholder.includes('<file>')) return { kind: 'file' };
  return { kind: placeholder.includes('<folder>') ? 'folder' : 'text' };
}

/** A text between single quotes of a shell, as sh, bash and zsh read it. */
export const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Lines of a `case` that finds the command that is being typed, the same in bash and zsh. */
export function walkCases(commands: readonly CommandWords[]): readonly string[] {
  const steps = commands.flatMap(({ path, commands: children }) =>
    children.map(({ name }) => {
      const target = `${path} ${name}`.trim();
      return `      ${shellQuoted(`${path}|${name}`)}) path=${shellQuoted(target)} ;;`;
    }),
  );
  return [...valueCases(commands, () => 'pending=$word').map((line) => `  ${line}`), ...steps];
}

/** Lines of a `case` over `PATH|OPTION`, for options with a value. */
export function valueCases(
  commands: readonly CommandWords[],
  action: (value: Value) => string,
): readonly string[] {
  return commands.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) => {
      if (value === undefined) return [];
      const patterns = flags.map((flag) => shellQuoted(`${path}|${flag}`)).join(' | ');
      return [`    ${patterns}) ${action(value)} ;;`];
    }),
  );
}
