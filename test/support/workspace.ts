// SPDX-License-Identifier: Apache-2.0
// A directory of its own for each test, removed behind it.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { onTestFinished } from 'vitest';

export class Workspace {
  readonly path: string;
  private clock = 1_000_000_000;

  /** Call inside a test. */
  constructor() {
    this.path = fs.mkdtempSync(path.join(os.tmpdir(), 'k8saudit-unit-'));
    onTestFinished(() => fs.rmSync(this.path, { recursive: true, force: true }));
  }

  /** The path of a file in here. */
  at(name: string): string {
    return path.join(this.path, name);
  }

  /** Writes a file, with directories above it; each is modified one second after the one before. */
  write(name: string, content: string | Buffer, modified = this.clock++): string {
    const file = this.at(name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
    fs.utimesSync(file, modified, modified);
    return file;
  }

  /** Makes a link, in place of what has its name; `target` is relative to it. */
  link(name: string, target: string): void {
    fs.rmSync(this.at(name), { force: true });
    fs.symlinkSync(target, this.at(name));
  }

  append(name: string, content: string): void {
    fs.appendFileSync(this.at(name), content);
  }
}

/** Lines with a line break behind each. */
export function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
