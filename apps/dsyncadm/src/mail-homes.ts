import { dirname } from 'node:path';
import type { Config } from '@dsyncd/config';

/** The folder that holds the homes of all users: `mail_home` up to its first variable. */
export const mailHomesFolder = ({ mailHome }: Config): string => dirname(`${mailHome.split('%')[0]}x`);
