import type { Logger, UsernameFormat } from '@dsyncd/core';
import { type DeliveryParts, deliver, failureReply, tooBigReply } from './deliver.ts';
import { type Command, type Input, parseCommand } from './lmtp-input.ts';
import { parseRecipient, type Recipient } from './recipient.ts';

export const commandBytesMax = 4096;
export const recipientsMax = 1000;
export const wrongCommandsMax = 50;

/** What a session asks of the program; read anew for each mail. */
export interface SessionParts extends DeliveryParts {
  readonly hostname: string;
  readonly recipientDelimiter: string;
  readonly usernameFormat: UsernameFormat;
}

export interface SessionPorts {
  readonly input: Input;
  readonly write: (text: string) => Promise<void>;
  readonly parts: () => SessionParts;
  readonly logger: Logger;
  /** True from the moment on when the program wants to end. */
  readonly isStopping: () => boolean;
}

/** One LMTP connection, command by command. */
export class Session {
  readonly #ports: SessionPorts;
  #greeted = false;
  #hasSender = false;
  #recipients: Recipient[] = [];
  #wrongCommands = 0;
  /** Between two mails, waiting for the client: may be ended without loss. */
  isIdle = true;

  constructor(ports: SessionPorts) {
    this.#ports = ports;
  }

  /** Settles when the connection is to be closed. */
  async run(): Promise<void> {
    const { input, write, parts, isStopping } = this.#ports;
    await write(`220 ${parts().hostname} dsync-lmtp\r\n`);
    for (;;) {
      if (isStopping() && !this.#hasSender) return write('421 4.3.2 Shutting down\r\n');
      const line = await input.line(commandBytesMax);
      if (line === undefined) return;
      if (typeof line !== 'string') return write('500 5.5.2 Line too long\r\n');
      const command = parseCommand(line);
      this.isIdle = false;
      const reply = await this.#answer(command);
      await write(reply);
      this.isIdle = !this.#hasSender;
      if (command.type === 'quit') return;
      if (command.type === 'wrong' && ++this.#wrongCommands > wrongCommandsMax)
        return write('421 4.7.0 Too many wrong commands\r\n');
    }
  }

  async #answer(command: Command): Promise<string> {
    switch (command.type) {
      case 'lhlo':
        this.#reset();
        this.#greeted = true;
        return this.#capabilities();
      case 'mail':
        return this.#mail(command.size);
      case 'rcpt':
        return this.#recipient(command.address);
      case 'data':
        return this.#data();
      case 'rset':
        this.#reset();
        return '250 2.0.0 OK\r\n';
      case 'noop':
        return '250 2.0.0 OK\r\n';
      case 'vrfy':
        return '252 2.3.3 Try RCPT TO\r\n';
      case 'quit':
        return '221 2.0.0 Bye\r\n';
      case 'wrong':
        return `${command.reply}\r\n`;
    }
  }

  #capabilities(): string {
    const { hostname, messageSizeLimitBytes } = this.#ports.parts();
    const lines = [
      hostname,
      'PIPELINING',
      'ENHANCEDSTATUSCODES',
      '8BITMIME',
      'SMTPUTF8',
      `SIZE ${messageSizeLimitBytes}`,
    ];
    return lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join('');
  }

  #reset(): void {
    this.#hasSender = false;
    this.#recipients = [];
  }

  #mail(size: number | undefined): string {
    if (!this.#greeted) return '503 5.5.1 Say LHLO first\r\n';
    if (this.#hasSender) return '503 5.5.1 There is a sender already\r\n';
    const { messageSizeLimitBytes } = this.#ports.parts();
    if (size !== undefined && size > messageSizeLimitBytes)
      return `${tooBigReply(messageSizeLimitBytes)}\r\n`;
    this.#hasSender = true;
    return '250 2.1.0 OK\r\n';
  }

  async #recipient(address: string): Promise<string> {
    if (!this.#hasSender) return '503 5.5.1 Say MAIL first\r\n';
    if (this.#recipients.length >= recipientsMax) return '452 4.5.3 Too many recipients\r\n';
    const { recipientDelimiter, usernameFormat, createUsers, store } = this.#ports.parts();
    const recipient = parseRecipient(address, recipientDelimiter, usernameFormat);
    if ('problem' in recipient) return `550 5.1.3 Bad address: ${recipient.problem}\r\n`;
    if (!createUsers) {
      try {
        await (await store.open(recipient.user)).close();
      } catch (error) {
        return `${failureReply(address, error)}\r\n`;
      }
    }
    this.#recipients.push(recipient);
    return '250 2.1.5 OK\r\n';
  }

  async #data(): Promise<string> {
    if (!this.#hasSender) return '503 5.5.1 Say MAIL first\r\n';
    const recipients = this.#recipients;
    if (recipients.length === 0) return '554 5.5.1 No valid recipients\r\n';
    await this.#ports.write('354 OK\r\n');
    const replies = await deliver(this.#ports.parts(), recipients, this.#ports.input.mail());
    this.#reset();
    return replies.map((reply) => `${reply}\r\n`).join('');
  }
}
