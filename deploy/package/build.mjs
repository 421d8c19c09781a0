// npm run package:deb|rpm|tar|image [-- FOLDER]: makes one package, with the Node in it that it runs on; default folder: dist.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchNode } from '../../test/tooling/node24.mjs';
import { ensureBuilt } from '../../test/tooling/setup.mjs';
import { writeBillOfMaterials } from './bill-of-materials.mjs';
import { buildDeb } from './debian/build.mjs';
import { buildImage } from './image/build.mjs';
import { sourceDateEpoch, writeChecksums } from './reproducible.mjs';
import { buildRpm } from './rpm/build.mjs';
import { root } from './stage.mjs';
import { buildFolder, buildTar } from './tar/build.mjs';

const formats = { deb: buildDeb, rpm: buildRpm, tar: buildTar, image: buildImage, folder: buildFolder };
/** Debian's name of an architecture to Node's. */
const processors = { amd64: 'x64', arm64: 'arm64' };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** What is in build/ already is taken as it is. */
    'no-build': { type: 'boolean' },
    /** Instead of that of package.json: for a build between releases. */
    version: { type: 'string' },
    /** Debian's name, amd64 or arm64; that of this machine when missing. */
    architecture: { type: 'string' },
    /** Of the archive: xz, or gzip for systems that have no xz. */
    compression: { type: 'string', default: 'xz' },
    /** Of the image: the Debian that it is built on, an image or a folder. */
    base: { type: 'string' },
  },
});
const [format, folder] = positionals;
const { compression, base } = values;
const build = formats[format];
if (build === undefined)
  throw new Error(`no format "${format}": there are ${Object.keys(formats).join(', ')}`);
if (!values['no-build']) await ensureBuilt();
const version = values.version ?? JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
if (!/^[0-9][0-9A-Za-z.+~]*$/.test(version)) throw new Error(`no version of a package: ${version}`);
if (!['xz', 'gzip'].includes(compression)) throw new Error(`no compression "${compression}": xz or gzip`);
const here = Object.keys(processors).find((name) => processors[name] === process.arch);
const architecture = values.architecture ?? here;
const processor = processors[architecture];
if (processor === undefined)
  throw new Error(`there is no Node to fetch for the architecture ${architecture}`);

const target = resolve(folder ?? join(root, 'dist'));
mkdirSync(target, { recursive: true });
// Whatever this one is, packages are alike.
process.umask(0o022);
process.env.SOURCE_DATE_EPOCH = String(sourceDateEpoch());
const node = await fetchNode(processor);
const scratch = mkdtempSync(join(tmpdir(), 'dsyncd-package-'));
try {
  const file = build({ scratch, target, version, architecture, processor, node, compression, base });
  writeBillOfMaterials(join(target, `dsyncd-${version}-${architecture}.cdx.json`), { version, node });
  writeChecksums(target);
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
