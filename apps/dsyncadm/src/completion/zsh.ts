import { type CommandWords, shellQuoted, type Value, valueCases, walkCases } from './words.ts';

/** A file for a folder of `fpath`, named `_dsyncadm`. */
export function zshScript(commands: readonly CommandWords[]): string {
  return `#compdef dsyncadm
# Completes command lines of dsyncadm in zsh; made by \`dsyncadm completion zsh\`.
_dsyncadm() {
  local cur=\${words[CURRENT]} path_='' pending='' word i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [ -n "$pending" ]; then
      pending=''
      continue
    fi
    case "$path_|$word" in
${walkCases(commands).map(withOwnPath).join('\n')}
    esac
  done
  if [ -n "$pending" ]; then
    case "$path_|$pending" in
${valueCases(commands, replyOf)
  .map((line) => `  ${line}`)
  .join('\n')}
    esac
    return
  fi
  case "$path_" in
${commands.map(commandCase).join('\n')}
  esac
}
if [ "$funcstack[1]" = _dsyncadm ]; then _dsyncadm "$@"; else compdef _dsyncadm dsyncadm; fi
`;
}

/** In zsh \`path\` is where programs are looked for. */
const withOwnPath = (line: string): string => line.replace(') path=', ') path_=');

function commandCase({ path, commands, options, argument }: CommandWords): string {
  const flags = options.flatMap((option) => option.flags.map((flag) => described(flag, option.about)));
  const others =
    commands.length > 0
      ? describe(
          'command',
          commands.map(({ name, about }) => described(name, about)),
        )
      : replyOf(argument);
  return `    ${shellQuoted(path)})
      case "$cur" in
        -*) ${describe('option', flags)} ;;
        *) ${others} ;;
      esac
      ;;`;
}

const described = (word: string, about: string): string => `${word}:${about}`;

const describe = (what: string, entries: readonly string[]): string =>
  `found=(${entries.map(shellQuoted).join(' ')}); _describe ${what} found`;

function replyOf(value: Value): string {
  if (value.kind === 'choices') return `compadd -- ${value.choices.map(shellQuoted).join(' ')}`;
  if (value.kind === 'text') return ':';
  return value.kind === 'file' ? '_files' : '_files -/';
}
