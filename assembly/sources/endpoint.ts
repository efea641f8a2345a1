// SPDX-License-Identifier: Apache-2.0
// Where the webhook listens, out of open_params.
import { Url } from './url';

/** Where events go when the URL has no path. */
const DEFAULT_PATH = '/k8s-audit';
/** Permissions of a Unix socket: its owner and group may connect. */
const DEFAULT_MODE: u32 = 0o660;
const MAX_MODE: u32 = 0o777;

export class Endpoint {
  /** What is wrong with the URL, or an empty string. */
  problem: string = '';
  /** A name or address, nothing for all addresses, or the path of a Unix socket. */
  address: string = '';
  /** -1: a Unix socket. */
  port: i32 = -1;
  mode: u32 = DEFAULT_MODE;
  /** The path that events go to. */
  path: string = DEFAULT_PATH;
  /** The name of the cluster that sends there, or null. */
  cluster: string | null = null;

  /** `rest` is what stands behind `scheme://`; the scheme is http, https or unix. */
  constructor(
    private scheme: string,
    rest: string,
  ) {
    const url = new Url(rest, true);
    this.cluster = url.take('cluster');
    if (scheme == 'unix') this.readSocket(url);
    else this.readAddress(url);
    if (this.problem == '') this.problem = url.problem;
  }

  get isTls(): bool {
    return this.scheme == 'https';
  }

  /** Whether what is sent goes over a network in clear text. */
  get isClear(): bool {
    return this.scheme == 'http';
  }

  private readAddress(url: Url): void {
    this.address = url.host;
    this.port = url.port >= 0 ? url.port : this.isTls ? 443 : 80;
    if (url.path != '') this.path = url.path;
    url.refuseUnknown('is cluster=NAME');
  }

  private readSocket(url: Url): void {
    const path = url.take('path');
    const mode = url.take('mode');
    this.address = url.path;
    if (path) this.path = path;
    url.refuseUnknown('are path=/PATH, mode=OCTAL and cluster=NAME');
    if (url.problem != '') return;
    if (url.host != '' || url.port >= 0 || url.path == '' || url.path.endsWith('/')) {
      this.problem =
        'open_params: unix:// takes the absolute path of a socket, as in unix:///run/falco/audit.sock';
    } else if (mode) {
      this.readMode(mode);
    }
  }

  private readMode(text: string): void {
    let mode: u32 = 0;
    for (let i = 0; i < text.length; i++) {
      const digit = text.charCodeAt(i) - 0x30;
      if (digit < 0 || digit > 7 || mode > MAX_MODE) mode = MAX_MODE + 1;
      else mode = mode * 8 + digit;
    }
    if (text == '' || mode > MAX_MODE) {
      this.problem = 'open_params: mode="' + text + '" must be permissions in octal, as in mode=0660';
    }
    this.mode = mode;
  }

  /** The address for a message. */
  shown(port: i32): string {
    if (this.port < 0) return this.address;
    return (this.address.includes(':') ? '[' + this.address + ']' : this.address) + ':' + port.toString();
  }

  /** All of it for a message, with the port that was chosen. */
  url(port: i32): string {
    const where = this.scheme + '://' + this.shown(port);
    return this.port < 0 ? where + ', path ' + this.path : where + this.path;
  }
}
