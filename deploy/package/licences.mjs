// The licences of what a package has in it, as their texts ask for.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundledModules } from './bundled-modules.mjs';

/** @returns one text: of each npm package its name, version, licence and the licence's own words */
export function thirdPartyLicences() {
  const parts = bundledModules().map(({ name, version, license, folder }) => {
    const files = existsSync(folder) ? readdirSync(folder).filter(isLicence).sort() : [];
    const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
    return [`${name} ${version}: ${license ?? 'see below'}`, ...texts].join('\n\n');
  });
  return `These npm packages are part of the programs. Node's own licence is beside this file, in copyright.node.
SQLite, which better-sqlite3 has in it, is in the public domain.

${parts.join(`\n\n${'-'.repeat(78)}\n\n`)}
`;
}

const isLicence = (name) => /^(licen[cs]e|copying|notice)/i.test(name) && !/\.(js|ts)$/.test(name);
