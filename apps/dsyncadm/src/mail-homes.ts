import { dirname } from 'node:path';
import type { Config } from '@dsyncd/config';

/** The folder that holds the homes of all users: a `mail_home`, ours or Dovecot's, up to its first variable. */
export const folderOfHomes = (mailHome: string): string => dirname(`${mailHome.split('%')[0]}x`);

export const mailHomesFolder = ({ mailHome }: Config): string => folderOfHomes(mailHome);
