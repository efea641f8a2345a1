// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { isCompatible } from '../../scripts/rules/versions.mjs';
import { errorOf, flattenText } from './rules-support.ts';

describe('versions', () => {
  it.each([
    ['1.2.3', '1.2.3', true],
    ['1.2.4', '1.2.3', true],
    ['1.3.0', '1.2.3', true],
    ['1.2.3', '1.2.4', false],
    ['1.1.9', '1.2.0', false],
    ['2.0.0', '1.2.3', false],
    ['1.2.3', '2.0.0', false],
    ['1.2.3-rc1', '1.2.3', true],
    ['1.2', '1.2.0', false],
    ['1.2.3', 'x', false],
  ])('%s satisfies %s: %s', (version, required, expected) => {
    expect(isCompatible(version, required)).toBe(expected);
  });
});

describe('required_engine_version', () => {
  it.each(['15', '0.50.0', '0.58.0'])('%s is satisfied', (version) => {
    expect(flattenText(`- required_engine_version: ${version}`)).toEqual([]);
  });

  it.each([
    ['99', 'the rules want engine version 0.99.0; this is 0.58.0'],
    ['1.0.0', 'the rules want engine version 1.0.0; this is 0.58.0'],
    ['soon', "'soon' is neither a number nor a version x.y.z"],
    ['0.5', "'0.5' is neither a number nor a version"],
    ['', 'is empty'],
  ])('%j is refused', (version, problem) => {
    const message = errorOf(`- required_engine_version: ${version}`);
    expect(message).toContain('a.yaml:1: required_engine_version: ');
    expect(message).toContain(problem);
  });
});

describe('required_plugin_versions', () => {
  const required = `
- required_plugin_versions:
    - name: k8saudit
      version: 0.7.0
      alternatives:
        - {name: k8saudit-eks, version: 0.4.0}
        - {name: k8saudit-ts, version: 0.1.0}
    - {name: json, version: 0.7.0}`;

  it('is not checked unless plugins are given', () => {
    expect(flattenText(required)).toEqual([]);
  });

  it('takes the plugin or one of its alternatives', () => {
    const json = { name: 'json', version: '0.7.3' };
    expect(flattenText(required, [{ name: 'k8saudit', version: '0.18.0' }, json])).toEqual([]);
    expect(flattenText(required, [{ name: 'k8saudit-ts', version: '0.1.0' }, json])).toEqual([]);
  });

  it('refuses what is missing or too old', () => {
    const check = (...plugins: [string, string][]) => {
      const load = () =>
        flattenText(
          required,
          plugins.map(([name, version]) => ({ name, version })),
        );
      return expect(load);
    };
    check().toThrow('the rules want the plugin k8saudit (0.7.0 or later) or k8saudit-eks (0.4.0 or later)');
    check(['k8saudit-ts', '0.1.0']).toThrow(
      'the rules want the plugin json (0.7.0 or later); loaded: k8saudit-ts 0.1.0',
    );
    check(['k8saudit', '0.6.9'], ['json', '0.7.0']).toThrow(
      'plugin k8saudit 0.6.9 is not compatible with version 0.7.0',
    );
  });

  it.each([
    ['{name: a}', "the key 'version' is missing"],
    ['{version: 1.0.0}', "the key 'name' is missing"],
    ['{name: a, version: new}', "'new' of plugin 'a' is no version"],
    [
      '{name: a, version: 1.0.0, alternatives: [{name: a, version: 1.0.0}]}',
      "plugin 'a' is named more than once",
    ],
    ['{name: a, version: 1.0.0, alternatives: b}', "'alternatives' has to be a list"],
    ['a', 'has to be a mapping'],
  ])('refuses %s', (item, problem) => {
    expect(errorOf(`- required_plugin_versions:\n    - ${item}`)).toContain(problem);
  });
});
