// SPDX-License-Identifier: Apache-2.0
// Generated payloads: events in lists and arrays and lines, bad elements and cut lines between them.
import { shortEvent } from './events';
import type { Random } from './random';

/** A payload, the auditIDs of its good events in order, and how many bad elements are between them. */
export interface GeneratedPayload {
  body: string;
  good: string[];
  bad: number;
}

const BAD_OBJECTS = ['{x:1}', '{"kind":"Pod"}', '{"kind":"Event","x":[1,]}', '{"a":"\\u00"}'];
const BAD_ATOMS = ['5', 'null', 'tru', '"\\q"', '"\\q]"', '"a,b]\\q\\"],{"'];
const LINE_BREAKS = ['\n', '\r\n', '\n\n'];
const SPACES = ['', '', '', ' ', '\n', '\r\n  '];

class Generator {
  readonly good: string[] = [];
  bad = 0;

  /** `hasCuts`: every text is on a line of its own, and some lines are cut. Otherwise texts go over several lines. */
  constructor(
    private random: Random,
    private hasCuts: boolean,
    private hasTime: (auditID: string) => boolean,
  ) {}

  private event(): string {
    const id = `g${this.good.length}`;
    this.good.push(id);
    return shortEvent(
      id,
      this.random.below(3) === 0 ? { requestObject: { data: '}]\n"{[' }, x: [[{}]] } : {},
    );
  }

  private element(depth: number): string {
    const kind = this.random.below(depth > 0 ? 12 : 8);
    if (kind < 5) return this.event();
    if (kind < 8) {
      this.bad++;
      // What follows a cut line is only told from its rest when it begins an object or array.
      const isBehindCut = this.hasCuts && depth === 3;
      return this.random.pick(isBehindCut ? BAD_OBJECTS : [...BAD_OBJECTS, ...BAD_ATOMS]);
    }
    const space = this.hasCuts ? '' : this.random.pick(SPACES);
    const items = Array.from({ length: this.random.below(6) }, () => this.element(depth - 1)).join(
      `,${space}`,
    );
    if (kind < 10) return `[${items}]`;
    return kind === 10
      ? `{"kind":"EventList","items":[${items}]}`
      : `{"items":[${items}],"kind":"EventList"}`;
  }

  line(): string {
    if (!this.hasCuts || this.random.below(4) !== 0) return this.element(3);
    this.bad++;
    return shortEvent('cut').slice(0, 1 + this.random.below(30));
  }
}

/** The next payload of this generator of random numbers; events for which `hasTime` is false carry no time. */
export function generatePayload(
  random: Random,
  hasTime: (auditID: string) => boolean = () => true,
): GeneratedPayload {
  const generator = new Generator(random, random.below(2) === 0, hasTime);
  const lines = Array.from({ length: 1 + random.below(12) }, () => generator.line());
  return { body: lines.join(random.pick(LINE_BREAKS)), good: generator.good, bad: generator.bad };
}
