/** Where things are on a host. */
export interface Place {
  /** Owner of mail and programs, and its group. */
  readonly user: string;
  readonly group: string;
  readonly configFile: string;
  readonly runDir: string;
  readonly stateDir: string;
  /** With %{user} in it. */
  readonly mailHome: string;
  /** The folder of all mail homes. */
  readonly mailDir: string;
  /** For `[listeners.doveadm]`. */
  readonly listenAddress: string;
  /** Of a Dovecot whose configuration is not where `doveconf` finds it by itself. */
  readonly dovecotConfigFile?: string | undefined;
  /** Of Dovecot's sockets. */
  readonly dovecotRunDir: string;
  readonly files: Readonly<
    Record<
      | 'secret'
      | 'authority'
      | 'certificate'
      | 'privateKey'
      | 'dropIn'
      | 'tmpfiles'
      | 'lua'
      | 'loginKey'
      | 'knownHosts'
      | 'authorizedKeys'
      | 'sshdDropIn',
      string
    >
  >;
  readonly journal: string;
}
