import { type CommandWords, shellQuoted, type Value, valueCases, walkCases } from './words.ts';

/** Needs bash 4 and nothing of the package bash-completion. */
export function bashScript(commands: readonly CommandWords[]): string {
  return `# Completes command lines of dsyncadm in bash; made by \`dsyncadm completion bash\`.
_dsyncadm() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' pending='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [ -n "$pending" ]; then
      pending=''
      continue
    fi
    case "$path|$word" in
${walkCases(commands).join('\n')}
    esac
  done
  if [ -n "$pending" ]; then
    case "$path|$pending" in
${valueCases(commands, replyOf)
  .map((line) => `  ${line}`)
  .join('\n')}
    esac
    return
  fi
  case "$path" in
${commands.map(commandCase).join('\n')}
  esac
}
complete -F _dsyncadm dsyncadm
`;
}

function commandCase({ path, commands, options, argument }: CommandWords): string {
  const flags = options.flatMap((option) => option.flags);
  const others = commands.length > 0 ? reply(commands.map(({ name }) => name)) : replyOf(argument);
  return `    ${shellQuoted(path)})
      case "$cur" in
        -*) ${reply(flags)} ;;
        *) ${others} ;;
      esac
      ;;`;
}

const reply = (words: readonly string[]): string =>
  `mapfile -t COMPREPLY < <(compgen -W ${shellQuoted(words.join(' '))} -- "$cur")`;

function replyOf(value: Value): string {
  if (value.kind === 'choices') return reply(value.choices);
  if (value.kind === 'text') return ':';
  const kind = value.kind === 'file' ? '-f' : '-d';
  return `compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen ${kind} -- "$cur")`;
}
