// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Where figures were measured: without it they say little.
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';
import { ask } from '../../scripts/lib/run.mjs';

/**
 * The numbers in a list such as `0-2,4`.
 *
 * @param {string} list as the kernel writes it
 */
export function readCpuList(list) {
  return list.split(',').flatMap((part) => {
    const [from, to = from] = part.trim().split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** The processors that this process may use. @returns {number[]} */
export function allowedCpus() {
  const status = readFileSync('/proc/self/status', 'utf8');
  return readCpuList(/^Cpus_allowed_list:\s*(.+)$/m.exec(status)?.[1] ?? '0');
}

/** @param {number} cpu */
function governor(cpu) {
  try {
    return readFileSync(`/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`, 'utf8').trim();
  } catch {
    return 'not ours to see';
  }
}

/**
 * @param {number} cpu the one that is measured on
 * @returns {Record<string, string>}
 */
export function describeMachine(cpu) {
  const all = cpus();
  return {
    processor: `${all[0]?.model ?? 'unknown'}, ${all.length} of them`,
    'measured on': `CPU ${cpu} alone, governor ${governor(cpu)}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${type()} ${release()} ${arch()}`,
    'C compiler': ask(['gcc', '--version'])?.split('\n')[0] ?? 'unknown',
    Node: process.version,
    date: new Date().toISOString().slice(0, 10),
    'load before': loadavg()
      .map((value) => value.toFixed(2))
      .join(' '),
  };
}
