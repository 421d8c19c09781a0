import { readFile } from 'node:fs/promises';
import { blocksOf, type DoveconfTree } from '@dsyncd/config';
import type { HostCheck } from '../check.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';

export const quotaDict: HostCheck = {
  name: 'quota',
  async run(scene) {
    if (scene.config.mailEngine !== 'dovecot') return undefined;
    const { tree } = await scene.doveconf();
    return judgeQuota(tree, (file) => readFile(file, 'utf8').catch(() => undefined));
  },
};

/** `redis:host=db.example.com:...`, and where it is set. */
interface Dict {
  readonly setting: string;
  readonly uri: string;
}

/** A dict that both hosts write counts every mail twice. */
export async function judgeQuota(
  tree: DoveconfTree,
  read: (file: string) => Promise<string | undefined>,
): Promise<Finding> {
  const dicts = dictsOf(tree);
  for (const { setting, uri } of dicts) {
    const host = await hostOf(uri, read);
    if (host === undefined)
      return warning(
        `${setting} keeps quota in a database (${uri.split(':', 1)[0]}) that cannot be checked`,
        'make sure that each host has a database of its own for it, or use the quota driver count',
      );
    if (!isLocal(host))
      return problem(
        `${setting} keeps quota in a database on ${host}, which the other host would write as well: mail is counted twice`,
        'give each host a database of its own for it, or use the quota driver count',
      );
  }
  if (dicts.length > 0) return ok('quota is kept in a database of this host');
  return ok('quota is kept by each host for itself, or not at all');
}

const isLocal = (host: string): boolean =>
  host === '' || host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(host);

function dictsOf(tree: DoveconfTree): readonly Dict[] {
  const plugin = blocksOf(tree, 'plugin')[0];
  // 2.3: `quota = dict:NAME:USER:URI` and `quota_clone_dict = URI`.
  const dicts23 = [...(plugin?.settings.values() ?? [])].flatMap(({ key, value = '' }): Dict[] => {
    const uri = /^quota\d*$/.test(key)
      ? /^dict:[^:]*:[^:]*:(.*)$/.exec(value)?.[1]
      : key === 'quota_clone_dict'
        ? value
        : undefined;
    return uri === undefined || uri === ''
      ? []
      : [{ setting: `plugin/${key}`, uri: throughProxy(tree, uri) }];
  });
  // 2.4: `quota_clone { dict redis { ... } }`.
  const dicts24 = blocksOf(tree, 'quota_clone').flatMap((clone) =>
    blocksOf(clone, 'dict').map((dict) => ({
      setting: 'quota_clone',
      uri: `${dict.name}:${[...dict.settings.values()].map(({ key, value }) => `${key.replace(/^redis_/, '')}=${value}`).join(':')}`,
    })),
  );
  return [...dicts23, ...dicts24].filter(
    ({ uri }) => !/^(noenforcing:|hidden:|ns=[^:]*:|file:|fs:)/.test(uri),
  );
}

/** `proxy::NAME` stands for an entry of the dict block. */
function throughProxy(tree: DoveconfTree, text: string): string {
  const uri = text.replace(/^((noenforcing|hidden|ignoreunlimited|ns=[^:]*):)+/, '');
  const name = /^proxy:[^:]*:(.+)$/.exec(uri)?.[1];
  const entry = name === undefined ? undefined : blocksOf(tree, 'dict')[0]?.settings.get(name)?.value;
  return entry ?? uri;
}

/** Where the database is; empty: here. Undefined when that cannot be seen. */
async function hostOf(
  uri: string,
  read: (file: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const file = /^(?:mysql|pgsql|sqlite|cassandra|sql|ldap):(\/.*)$/.exec(uri)?.[1];
  if (uri.startsWith('sqlite:')) return '';
  const text = file === undefined ? uri : await read(file);
  if (text === undefined || uri.startsWith('proxy:')) return undefined;
  return /\bhost=([^\s:]+)/.exec(text)?.[1] ?? '';
}
