// What is in a package, as CycloneDX JSON 1.6, for tools that look for known weaknesses.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { bundledModules } from './bundled-modules.mjs';
import { sourceDateEpoch } from './reproducible.mjs';

/**
 * @param file - is written anew
 * @param node - path of the Node in the package, as test/tooling/node24.mjs names it: .../PACKAGE@VERSION/bin/node
 */
export function writeBillOfMaterials(file, { version, node }) {
  const components = [...bundledModules().map(asComponent), nodeComponent(node), sqliteComponent()];
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([version, components]))}`,
    version: 1,
    metadata: {
      timestamp: new Date(sourceDateEpoch() * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': 'dsyncd',
        name: 'dsyncd',
        version,
        licenses: licencesOf('MIT'),
      },
    },
    components,
    dependencies: [
      { ref: 'dsyncd', dependsOn: components.map((each) => each['bom-ref']) },
      ...components.map((each) => ({ ref: each['bom-ref'] })),
    ],
  };
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
}

function asComponent({ name, version, license, integrity }) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const [algorithm, hash] = (integrity ?? '').split('-');
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    ...(license === undefined ? {} : { licenses: licencesOf(license) }),
    ...(algorithm === 'sha512'
      ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex') }] }
      : {}),
    purl,
  };
}

/** One id of the SPDX list, or an expression of several. */
const licencesOf = (license) =>
  /[ (]/.test(license) ? [{ expression: license }] : [{ license: { id: license } }];

function nodeComponent(node) {
  const [, name, version] = /([\w-]+)@([\d.]+)\/bin\/node$/.exec(node) ?? [];
  return {
    type: 'platform',
    'bom-ref': 'node',
    name: 'node',
    version,
    licenses: licencesOf('MIT'),
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl: `pkg:npm/${name}@${version}`,
  };
}

function sqliteComponent() {
  const Database = createRequire(import.meta.url)('better-sqlite3');
  const database = new Database(':memory:');
  const version = database.prepare('SELECT sqlite_version()').pluck().get();
  database.close();
  return {
    type: 'library',
    'bom-ref': 'sqlite',
    name: 'sqlite',
    version,
    licenses: licencesOf('blessing'),
    cpe: `cpe:2.3:a:sqlite:sqlite:${version}:*:*:*:*:*:*:*`,
  };
}

/** The same for the same contents: a version 8 UUID made of their hash. */
function uuidOf(text) {
  const hex = createHash('sha256').update(text).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `9${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
