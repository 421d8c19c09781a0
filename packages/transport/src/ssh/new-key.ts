import { loadSsh } from './ssh-login.ts';

export interface SshKeyPair {
  /** In the format of OpenSSH, without a passphrase. */
  readonly privateKey: string;
  /** `ssh-ed25519 BASE64` */
  readonly publicKey: string;
}

/** A new Ed25519 key to log in with. */
export async function newSshKey(): Promise<SshKeyPair> {
  const { utils } = await loadSsh();
  const { private: privateKey, public: text } = utils.generateKeyPairSync('ed25519');
  return { privateKey, publicKey: text.split(' ').slice(0, 2).join(' ') };
}
