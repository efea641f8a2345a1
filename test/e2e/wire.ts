// SPDX-License-Identifier: Apache-2.0
// Connections for hostile clients: they send what they like, and note which statuses came back.
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { sleep } from './support.ts';

/** What came of one connection. */
export interface Outcome {
  /** Of the answers, in order, without 100. */
  statuses: number[];
  /** Whether the other side, or an error, ended it before the patience was over. */
  ended: boolean;
}

export type Open = () => Socket | TLSSocket;
/** Sends something; the connection is closed from here when it is done only if it says so. */
export type Play = (socket: Socket) => void | Promise<void>;

export function plain(port: number): Open {
  return () => connectTcp(port, '127.0.0.1');
}

export function secure(port: number, options: ConnectionOptions): Open {
  return () => connectTls({ host: '127.0.0.1', port, ...options });
}

/** Opens a connection, plays on it, and collects answers until it ends, `enough` came, or patience is over. */
export function talk(open: Open, play: Play, patience: number, enough = Infinity): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = open();
    let text = '';
    const finish = (ended: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ statuses: statusesIn(text), ended });
    };
    const timer = setTimeout(() => finish(false), patience);
    socket.on('error', () => {});
    socket.on('close', () => finish(true));
    socket.on('data', (part: Buffer) => {
      text += part.toString('latin1');
      if (enough < Infinity && statusesIn(text).length >= enough) finish(true);
    });
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => void play(socket));
  });
}

function statusesIn(text: string): number[] {
  const found = [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status));
  return found.filter((status) => status !== 100);
}

/** Sends a part after the other, as slowly as wanted. */
export async function drip(socket: Socket, parts: Iterable<string | Buffer>, pause: number): Promise<void> {
  for (const part of parts) {
    if (socket.destroyed) return;
    socket.write(part);
    await sleep(pause);
  }
}

/** Sends a part again and again, as fast as the other side takes it, so many times or until the connection ends. */
export async function pour(socket: Socket, part: Buffer, times: number): Promise<void> {
  for (let i = 0; i < times && !socket.destroyed; i++) {
    if (socket.write(part)) continue;
    await new Promise<void>((resolve) => {
      const goOn = (): void => {
        socket.off('drain', goOn).off('close', goOn);
        resolve();
      };
      socket.on('drain', goOn).on('close', goOn);
    });
  }
}

/** Does something `count` times, `atOnce` at once. */
export async function repeat<T>(count: number, atOnce: number, act: (i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const i = next++;
      results[i] = await act(i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return results;
}
