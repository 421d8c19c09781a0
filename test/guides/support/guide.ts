import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { GuideHost } from './guide-host.ts';
import { notRun } from './not-run.ts';

/** A fenced block of a guide. */
export interface GuideBlock {
  /** `sh` is run by a test; `console` is for readers, who adapt it or look at it. */
  readonly language: string;
  /** On which hosts, from its info string: "```sh mx1 mx2"; none: on all of them. */
  readonly hosts: readonly string[];
  readonly text: string;
  readonly line: number;
  /** The heading that it stands under. */
  readonly heading: string;
}

export interface GuideStep {
  readonly before: string;
  readonly action: () => unknown;
}

const repository = new URL('../../../', import.meta.url);
export const guidePath = (guide: string): string => fileURLToPath(new URL(guide, repository));

/** The fenced blocks of a Markdown text, in order. */
export function parseBlocks(markdown: string): readonly GuideBlock[] {
  const blocks: GuideBlock[] = [];
  let heading = '';
  let open: { line: number; words: readonly string[]; lines: string[] } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, info] = /^```(.*)$/.exec(line) ?? [];
    if (open === undefined) {
      heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
      if (info !== undefined) open = { line: index + 1, words: info.split(' '), lines: [] };
    } else if (info === undefined) open.lines.push(line);
    else {
      const [language = '', ...hosts] = open.words;
      blocks.push({ language, hosts, heading, line: open.line, text: open.lines.join('\n') });
      open = undefined;
    }
  }
  return blocks;
}

/** What a reader puts into a file: the block of that language under a heading that has some text. */
export function fileText(guide: string, language: string, part: string): string {
  const blocks = parseBlocks(readFileSync(guidePath(guide), 'utf8'));
  const block = blocks.find((each) => each.language === language && each.text.includes(part));
  if (block === undefined) throw new Error(`${guide} has no ${language} block with "${part}"`);
  return `${block.text}\n`;
}

/** A document whose `sh` blocks a test runs as they are written. */
export class Guide {
  readonly #path: string;
  readonly #blocks: readonly GuideBlock[];
  readonly #done = new Set<GuideBlock>();

  constructor(path: string) {
    this.#path = path;
    this.#blocks = parseBlocks(readFileSync(guidePath(path), 'utf8')).filter(
      ({ language }) => language === 'sh',
    );
  }

  /**
   * Runs the blocks under a heading, in order, each on its hosts; not those in {@link notRun}.
   * @param hosts - those that a block without names is for
   * @param steps - what the guide has a person do, each before the block that has some text
   * @returns what each block printed, by its place in the section and the host
   * @throws when there is no such heading, or a command fails
   */
  async run(
    heading: string,
    hosts: readonly GuideHost[],
    ...steps: readonly GuideStep[]
  ): Promise<readonly string[]> {
    const blocks = this.#blocks.filter((block) => block.heading === heading);
    if (blocks.length === 0) throw new Error(`${this.#path} has no sh block under "${heading}"`);
    const outputs: string[] = [];
    for (const block of blocks.filter((each) => !this.#isNotRun(each))) {
      for (const step of steps) if (block.text.includes(step.before)) await step.action();
      outputs.push(...(await this.runBlock(block, hosts)));
    }
    return outputs;
  }

  /** One block under a heading, known by some of its text. */
  block(heading: string, part: string): GuideBlock {
    const found = this.#blocks.filter((block) => block.heading === heading && block.text.includes(part));
    const [block] = found;
    if (block === undefined || found.length > 1)
      throw new Error(`${this.#path} has ${found.length} sh blocks with "${part}" under "${heading}"`);
    return block;
  }

  async runBlock(block: GuideBlock, hosts: readonly GuideHost[]): Promise<readonly string[]> {
    const wanted = block.hosts.length === 0 ? hosts : hosts.filter(({ name }) => block.hosts.includes(name));
    if (wanted.length > 0) this.#done.add(block);
    const outputs: string[] = [];
    for (const host of wanted) {
      const startedAt = performance.now();
      outputs.push(await host.run(block.text));
      if (process.env.GUIDES_TRACE !== 'true') continue;
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      console.log(`${this.#path}:${block.line} on ${host.name}, ${seconds} s\n${outputs.at(-1)}`);
    }
    return outputs;
  }

  #isNotRun({ text }: GuideBlock): boolean {
    return Object.keys(notRun[this.#path] ?? {}).some((start) => text.startsWith(start));
  }

  /** How blocks begin that were neither run nor are in {@link notRun}; and entries there that are not needed. */
  get left(): readonly string[] {
    const reasons = Object.keys(notRun[this.#path] ?? {});
    const open = this.#blocks.filter((block) => !this.#done.has(block));
    return [
      ...open
        .filter((block) => !this.#isNotRun(block))
        .map(({ line, text }) => `${line}: ${text.split('\n')[0]}`),
      ...reasons.filter((start) => !open.some(({ text }) => text.startsWith(start))),
    ];
  }
}
