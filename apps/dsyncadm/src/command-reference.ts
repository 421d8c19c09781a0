import type { Command } from 'commander';

/** The help of every command as Markdown; made from the commands themselves, so never out of date. */
export function commandReference(program: Command): string {
  const sections = leavesOf(program, program.name()).map(
    ([name, command]) => `## ${name}\n\n\`\`\`text\n${helpOf(command).trim()}\n\`\`\`\n`,
  );
  return `# Commands of ${program.name()}\n\n${sections.join('\n')}`;
}

function leavesOf(command: Command, path: string): (readonly [string, Command])[] {
  if (command.commands.length === 0) return [[path, command]];
  return command.commands.flatMap((child) => leavesOf(child, `${path} ${child.name()}`));
}

function helpOf(command: Command): string {
  let text = '';
  const before = command.configureOutput();
  command.configureOutput({
    ...before,
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  command.configureOutput(before);
  return text;
}
