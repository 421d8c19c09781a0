import type { CommandWords, OptionWords } from './words.ts';

export function fishScript(commands: readonly CommandWords[]): string {
  return `# Completes command lines of dsyncadm in fish; made by \`dsyncadm completion fish\`.
function __dsyncadm_path
    set -l path ''
    set -l pending ''
    for word in (commandline -opc)[2..-1]
        if test -n "$pending"
            set pending ''
            continue
        end
        switch "$path|$word"
${commands.flatMap(walk).join('\n')}
        end
    end
    echo $path
end
function __dsyncadm_at
    test (__dsyncadm_path) = "$argv"
end
complete -c dsyncadm -f
${commands.flatMap(completions).join('\n')}
`;
}

function walk({ path, commands, options }: CommandWords): string[] {
  const withValue = options.flatMap(({ flags, value }) => (value === undefined ? [] : flags));
  return [
    ...withValue.map(
      (flag) => `            case ${quoted(`${path}|${flag}`)}\n                set pending $word`,
    ),
    ...commands.map(({ name }) => {
      const target = `${path} ${name}`.trim();
      return `            case ${quoted(`${path}|${name}`)}\n                set path ${quoted(target)}`;
    }),
  ];
}

function completions({ path, commands, options, argument }: CommandWords): string[] {
  const begin = `complete -c dsyncadm -n ${quoted(`__dsyncadm_at ${path}`)}`;
  return [
    ...commands.map(({ name, about }) => `${begin} -a ${quoted(name)} -d ${quoted(about)}`),
    ...options.map((option) => `${begin} ${optionPart(option)}`),
    ...(argument.kind === 'choices' ? [`${begin} -a ${quoted(argument.choices.join(' '))}`] : []),
    ...(argument.kind === 'file' || argument.kind === 'folder' ? [`${begin} -F`] : []),
  ];
}

function optionPart({ flags, about, value }: OptionWords): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...names, ...valuePart(value), `-d ${quoted(about)}`].join(' ');
}

function valuePart(value: OptionWords['value']): string[] {
  if (value === undefined) return [];
  if (value.kind === 'choices') return [`-x -a ${quoted(value.choices.join(' '))}`];
  return value.kind === 'text' ? ['-x'] : ['-r -F'];
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
