import type { Draft } from './draft.ts';
import { dovecotBaseDir } from './sockets.ts';
import { blocksOf, type DoveconfTree, settingOf } from './tree.ts';

const debianBundle = '/etc/ssl/certs/ca-certificates.crt';

/** Port, secret and authorities: how the hosts reach and trust each other. */
export function importTransport(
  tree: DoveconfTree,
  passwordFile: string,
  draft: Draft,
): { readonly password?: string } {
  const port = settingOf(tree, 'doveadm_port');
  if (port !== undefined && port !== '0') {
    if (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)
      draft.set('', 'doveadm_port', Number(port));
    else draft.lost('doveadm_port', `${JSON.stringify(port)} is no port`);
  }
  importAuthorities(tree, draft);
  const baseDir = dovecotBaseDir(tree);
  draft.set('dovecot', 'doveadm_socket_path', `${baseDir}/doveadm-server`);
  draft.set('dovecot', 'auth_socket_path', `${baseDir}/auth-userdb`);
  noteOverrides(tree, draft);
  return importPassword(tree, passwordFile, draft);
}

function importPassword(
  tree: DoveconfTree,
  passwordFile: string,
  draft: Draft,
): { readonly password?: string } {
  const setting = tree.settings.get('doveadm_password');
  if (setting === undefined || setting.value === '') {
    draft.todo(
      'doveadm_password',
      'there is none, so the other host cannot prove its identity to this one',
      'set the same doveadm_password on both hosts, unless mail_replica goes by SSH',
    );
    return {};
  }
  draft.set('', 'doveadm_password_file', passwordFile);
  if (setting.value !== undefined) return { password: setting.value };
  draft.todo(
    'doveadm_password',
    'doveconf hid it',
    `put it into ${passwordFile} (mode 0600, owner dsyncd), or import the output of \`doveconf -nP\` with --write-password`,
  );
  return {};
}

function importAuthorities(tree: DoveconfTree, draft: Draft): void {
  const file = settingOf(tree, 'ssl_client_ca_file')?.replace(/^<\s*/, '');
  const folder = settingOf(tree, 'ssl_client_ca_dir');
  if (file?.startsWith('/')) draft.set('ssl', 'client_ca_file', file);
  else if (file !== undefined)
    draft.lost('ssl_client_ca_file', `${JSON.stringify(file)} is no absolute path`);
  if (folder === undefined) return;
  if (file === undefined && /^\/etc\/ssl\/certs\/?$/.test(folder)) {
    draft.set('ssl', 'client_ca_file', debianBundle);
    draft.changed(
      'ssl_client_ca_dir',
      `dsyncd takes one file: ${debianBundle}, which Debian makes of that folder`,
    );
  } else
    draft.lost(
      'ssl_client_ca_dir',
      'dsyncd takes one file of authorities, not a folder',
      `put the certificate of the authority into a file and set ssl.client_ca_file${file === undefined ? '' : ' (there is one already)'}`,
    );
}

/** Passwords and authorities for single peers. */
function noteOverrides(tree: DoveconfTree, draft: Draft): void {
  for (const kind of ['protocol', 'remote', 'local', 'local_name'])
    for (const block of blocksOf(tree, kind))
      for (const key of ['doveadm_password', 'doveadm_port', 'ssl_client_ca_file', 'ssl_client_ca_dir'])
        if (block.settings.has(key))
          draft.lost(
            `${kind} ${block.name}/${key}`,
            'dsyncd has one value for each channel',
            'set doveadm_port or doveadm_password_file in the table of the channel that leads there',
          );
}
