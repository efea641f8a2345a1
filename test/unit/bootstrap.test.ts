// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { aptAdvice, explainAptFailure, readDistribution } from '../../scripts/lib/apt.mjs';
import {
  findDebianMirrors,
  parseDeb822Sources,
  parseOneLineSources,
  readAptSources,
  withoutCredentials,
} from '../../scripts/lib/apt-sources.mjs';
import { artifactLimits, checkArtifact } from '../../scripts/lib/artifact.mjs';
import type { ArtifactFacts } from '../../scripts/lib/artifact.mjs';
import {
  compareVersions,
  glibcNumber,
  newestGlibc,
  parseDynamicSection,
  parseDynamicSymbols,
  parseMachine,
  parseSegments,
  parseVersionNeeds,
} from '../../scripts/lib/elf.mjs';
import { buildPaths, debianArchitecture, findCommand, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { endAll, run, runOrFail } from '../../scripts/lib/run.mjs';
import { sourceRecipe } from '../../scripts/lib/source-build.mjs';
import { sourcePackages } from '../../scripts/lib/source-packages.mjs';
import {
  installFiles,
  isFresh,
  listFiles,
  makeWorkFolder,
  readStamp,
  recipeHash,
  replaceFolder,
  writeStamp,
} from '../../scripts/lib/stamp.mjs';
import { findMissing, installCommand, missingMessage, requirements } from '../../scripts/lib/system.mjs';
import { depsFolder, otherTarget, targetOf } from '../../scripts/lib/target.mjs';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bootstrap-test-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A new, empty folder that goes away after the tests. */
function emptyFolder(): string {
  return mkdtempSync(join(folder, 'case-'));
}

/** Whether a process exists and is more than a zombie that nobody has waited for yet. */
function isRunning(pid: string | undefined): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('apt’s one-line sources', () => {
  it('reads entries, with and without options', () => {
    const text = [
      'deb http://one.example/debian bookworm main contrib',
      'deb-src [ arch=amd64,arm64 signed-by=/keys/a.gpg ] https://two.example/debian/ bookworm-updates main # why',
      '  deb\t[trusted=yes]http://three.example/flat ./',
    ].join('\n');
    expect(parseOneLineSources(text)).toEqual([
      {
        types: ['deb'],
        uris: ['http://one.example/debian'],
        suites: ['bookworm'],
        components: ['main', 'contrib'],
        signedBy: '',
      },
      {
        types: ['deb-src'],
        uris: ['https://two.example/debian/'],
        suites: ['bookworm-updates'],
        components: ['main'],
        signedBy: '/keys/a.gpg',
      },
      { types: ['deb'], uris: ['http://three.example/flat'], suites: ['./'], components: [], signedBy: '' },
    ]);
  });

  it('leaves out comments, disabled entries and what is no entry', () => {
    const text =
      '# deb http://a.example/ x main\n#deb http://b.example/ x main\n\ndebs http://c.example x main\ndeb\n';
    expect(parseOneLineSources(text)).toEqual([]);
    expect(parseOneLineSources('deb http://d.example/debian # bookworm main')).toEqual([]);
  });
});

describe('apt’s deb822 sources', () => {
  it('reads stanzas with several types, URIs and suites, continuation lines and comments', () => {
    const text = [
      '# the archive',
      'Types: deb deb-src',
      '# a comment between fields',
      'URIs: http://one.example/debian',
      ' https://two.example/debian',
      'suites: bookworm bookworm-updates',
      'Components: main',
      'Signed-By:',
      ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
      ' .',
      ' abc',
      '',
      '  ',
      'Types: deb',
      'URIs: http://three.example/debian-security',
      'Suites: bookworm-security',
      'Components: main',
      'Signed-By: /keys/debian.gpg',
    ].join('\n');
    expect(parseDeb822Sources(text)).toEqual([
      {
        types: ['deb', 'deb-src'],
        uris: ['http://one.example/debian', 'https://two.example/debian'],
        suites: ['bookworm', 'bookworm-updates'],
        components: ['main'],
        signedBy: '-----BEGIN PGP PUBLIC KEY BLOCK-----\n.\nabc',
      },
      {
        types: ['deb'],
        uris: ['http://three.example/debian-security'],
        suites: ['bookworm-security'],
        components: ['main'],
        signedBy: '/keys/debian.gpg',
      },
    ]);
  });

  it.each(['no', 'No', 'false', '0', 'off'])('leaves out an entry with Enabled: %s', (value) => {
    const stanza = 'Types: deb\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main\n';
    expect(parseDeb822Sources(`Enabled: ${value}\n${stanza}`)).toEqual([]);
    expect(parseDeb822Sources(`Enabled: yes\n${stanza}`)).toHaveLength(1);
  });

  it('leaves out stanzas without types, URIs or suites', () => {
    expect(parseDeb822Sources('Types: deb\nURIs: http://a.example/\n\nnonsense\n\n : x\n')).toEqual([]);
  });
});

describe('the machine’s apt configuration', () => {
  it('is read from those files that apt reads', () => {
    const etc = emptyFolder();
    const entry = (host: string) => `deb http://${host}.example/debian bookworm main\r\n`;
    mkdirSync(join(etc, 'sources.list.d'));
    writeFileSync(join(etc, 'sources.list'), entry('main'));
    writeFileSync(join(etc, 'sources.list.d', 'b.list'), entry('b'));
    writeFileSync(join(etc, 'sources.list.d', 'b.list.disabled'), entry('disabled'));
    writeFileSync(join(etc, 'sources.list.d', 'b~.list'), entry('backup'));
    writeFileSync(
      join(etc, 'sources.list.d', 'a.sources'),
      'Types: deb\r\nURIs: http://a.example/debian\r\nSuites: bookworm\r\n\r\nTypes: deb\r\n',
    );
    const uris = readAptSources(etc).flatMap((source) => source.uris);
    expect(uris).toEqual([
      'http://main.example/debian',
      'http://a.example/debian',
      'http://b.example/debian',
    ]);
  });

  it('gives Debian’s archive first, and neither security nor strangers for the suite itself', () => {
    const sources = parseOneLineSources(
      [
        'deb https://tools.example/apt bookworm main',
        'deb https://vendor.example/debian/12/prod bookworm main',
        'deb https://containers.example/linux/debian bookworm stable',
        'deb cdrom:[Debian]/ bookworm main',
        'deb http://near.example/debian trixie main',
        'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://near.example/debian bookworm main',
        'deb http://near.example/debian bookworm-updates main',
        'deb http://near.example/debian-security bookworm-security main',
        'deb http://near.example/debian bookworm-backports main',
      ].join('\n'),
    );
    expect(findDebianMirrors(sources, 'bookworm')).toEqual({
      main: [
        'http://near.example/debian',
        'https://vendor.example/debian/12/prod',
        'https://tools.example/apt',
      ],
      updates: ['http://near.example/debian'],
      security: ['http://near.example/debian-security'],
    });
  });

  it('prefers an entry that is signed with Debian’s keys', () => {
    const sources = parseOneLineSources(
      'deb http://a.example/debian x main\ndeb [signed-by=/keys/debian-archive.gpg] http://b.example/files x main',
    );
    expect(findDebianMirrors(sources, 'x').main).toEqual([
      'http://b.example/files',
      'http://a.example/debian',
    ]);
  });

  it('understands a release by its role, and the old name of the security suite', () => {
    const sources = parseOneLineSources(
      'deb http://a.example/debian stable main\ndeb http://a.example/debian-security bookworm/updates main',
    );
    const { main, updates, security } = findDebianMirrors(sources, 'bookworm');
    expect([main, updates, security]).toEqual([
      ['http://a.example/debian'],
      [],
      ['http://a.example/debian-security'],
    ]);
  });

  it('names the distribution, and says what is wrong with one that cannot be used', () => {
    const etc = emptyFolder();
    const osRelease = join(etc, 'os-release');
    writeFileSync(osRelease, 'PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_CODENAME=bookworm\nID=debian\n');
    expect(() => readDistribution(osRelease, etc)).toThrow(/name no archive of Debian bookworm main/);
    writeFileSync(join(etc, 'sources.list'), 'deb http://a.example/debian bookworm main\n');
    const { codename, mirrors } = readDistribution(osRelease, etc);
    expect([codename, mirrors.main]).toEqual(['bookworm', ['http://a.example/debian']]);
    writeFileSync(osRelease, 'PRETTY_NAME="Some Linux 9"\nID=some\nID_LIKE=debian\n');
    expect(() => readDistribution(osRelease, etc)).toThrow(
      /^this is Some Linux 9, but the build needs Debian/,
    );
  });

  it('keeps passwords out of messages', () => {
    expect(withoutCredentials('Err:1 http://me:pass@a.example/debian/x@y 404')).toBe(
      'Err:1 http://a.example/debian/x@y 404',
    );
  });
});

describe('explainAptFailure', () => {
  it.each([
    ["Err:1 http://a.example x InRelease\n  Temporary failure resolving 'a.example'\n", 'network'],
    ['E: Failed to fetch http://a.example/x  Connection timed out [IP: 192.0.2.1 80]\n', 'network'],
    ['W: GPG error: x: NO_PUBKEY 0123\nE: The repository x is not signed.\n', 'signature'],
    ["E: The repository 'http://a.example x Release' does not have a Release file.\n", 'absent'],
    ['E: Failed to fetch http://a.example/x.deb  404  Not Found [IP: 192.0.2.1 80]\n', 'absent'],
    ['E: Unable to locate package sysdig\n', 'absent'],
    [
      'E: Failed to fetch http://a.example/x  403  Forbidden\nE: The repository x is not signed.\n',
      'refused',
    ],
    ['E: Failed to fetch https://a.example/x  Certificate verification failed: untrusted\n', 'certificate'],
    ["E: You don't have enough free space in /x.\n", 'space'],
  ])('%j is %s', (output, kind) => {
    const failure = explainAptFailure(output);
    expect(failure.kind).toBe(kind);
    expect(aptAdvice(failure)).not.toBe('');
  });

  it('falls back to the last error, without passwords', () => {
    const failure = explainAptFailure('W: odd\nE: first\nE: strange http://me:pass@a.example/.\nbye\n');
    expect(failure).toEqual({ kind: 'other', detail: 'strange http://a.example/' });
    expect(explainAptFailure('').detail).toBe('apt-get printed nothing');
  });
});

describe('what the machine must have', () => {
  it('is found or missing by command and by file', () => {
    const machine = {
      hasCommand: (name: string) => name !== 'cmake',
      hasFile: (path: string) => !/simde/.test(path),
    };
    const missing = findMissing(requirements, machine);
    expect(missing.map((each) => each.package)).toEqual(['cmake', 'libsimde-dev']);
    expect(findMissing(requirements, { hasCommand: () => true, hasFile: () => true })).toEqual([]);
  });

  it('is asked for in one sentence with the command that brings it, each package once', () => {
    const missing = requirements.filter((each) => each.package === 'libssl-dev');
    expect(missing).toHaveLength(3);
    expect(installCommand(missing)).toMatch(/apt-get install -y --no-install-recommends libssl-dev$/);
    expect(missingMessage(missing, true)).toBe(
      'missing: OpenSSL’s headers, libssl.a, libcrypto.a, and this user may not install packages; ' +
        `run: ${installCommand(missing)}`,
    );
    expect(missingMessage(missing, false)).toMatch(/no apt-get; install the counterparts of libssl-dev$/);
  });

  it('names exactly one way to be found for each requirement', () => {
    for (const { name, command, files } of requirements) {
      expect([name, (command === undefined) === (files !== undefined)]).toEqual([name, true]);
    }
  });

  it('is looked for on the PATH, files that can be run only', () => {
    const bin = emptyFolder();
    writeFileSync(join(bin, 'plain'), '');
    writeFileSync(join(bin, 'program'), '#!/bin/sh\n', { mode: 0o755 });
    mkdirSync(join(bin, 'folder'));
    expect(findCommand('program', `/nonexistent::${bin}`)).toBe(join(bin, 'program'));
    expect(findCommand('plain', bin)).toBeUndefined();
    expect(findCommand('folder', bin)).toBeUndefined();
  });

  it('is known under Debian’s names for two processors', () => {
    expect(debianArchitecture('x64')).toMatchObject({ debian: 'amd64', multiarch: 'x86_64-linux-gnu' });
    expect(debianArchitecture('arm64')?.debian).toBe('arm64');
    expect(debianArchitecture('mips')).toBeUndefined();
  });

  it('is known by what it compiles for: this processor with its own tools, another with those for it', () => {
    expect(targetOf()).toMatchObject({
      isNative: true,
      compiler: 'cc',
      suffix: '',
      folder: '',
      emulator: [],
    });
    const other = otherTarget();
    expect(other.isNative).toBe(false);
    expect(other.compiler).toBe(`${other.names.multiarch}-gcc`);
    expect(depsFolder(other, buildPaths('/x'))).toBe(`/x/build/cross/${other.arch}/deps`);
    expect(depsFolder(targetOf(), buildPaths('/x'))).toBe('/x/build/deps');
    expect(() => targetOf('mips')).toThrow('there is no build for "mips"; there are x64 and arm64');
  });
});

describe('run', () => {
  it('gives status and output, and writes both to the log', async () => {
    const logFile = join(emptyFolder(), 'deep', 'run.log');
    const result = await run(['sh', '-c', 'echo out; echo err >&2; cat; exit 3'], { logFile });
    expect(result.code).toBe(3);
    expect(result.output.split('\n').sort()).toEqual(['', 'err', 'out']);
    expect(readFileSync(logFile, 'utf8')).toContain('exit 3\nout\n');
  });

  it('keeps the end of a long output', async () => {
    const { output } = await run(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x; echo end']);
    expect(output.length).toBe(1 << 20);
    expect(output.endsWith('xend\n')).toBe(true);
  });

  it('ends what takes too long', async () => {
    await expect(run(['sleep', '600'], { timeoutMs: 50 })).rejects.toThrow(
      /^sleep was ended: it had run for more/,
    );
  });

  it('is ended together with what the program has started', async () => {
    const logFile = join(emptyFolder(), 'run.log');
    const waiting = run(['sh', '-c', 'sleep 600 & echo "pid $!"; wait'], { logFile });
    const child = () => /^pid (\d+)$/m.exec(readFileSync(logFile, 'utf8'))?.[1];
    await vi.waitUntil(child, 20_000);
    expect(isRunning(child())).toBe(true);
    endAll();
    expect((await waiting).code).not.toBe(0);
    await vi.waitUntil(() => !isRunning(child()), 20_000);
  });

  it('turns failures into sentences', async () => {
    const failing = runOrFail(['sh', '-c', 'echo one; echo the reason; exit 2'], {
      what: 'do it',
    });
    await expect(failing).rejects.toThrow('cannot do it: sh ended with 2: the reason');
    await expect(run(['no-such-program-here'])).rejects.toThrow(
      /^cannot run no-such-program-here: .*PATH\?$/,
    );
  });
});

describe('stamps', () => {
  it('are fresh only for the same recipe and with all products in place', () => {
    const file = join(emptyFolder(), 'stamps', 'x.json');
    const recipe = recipeHash({ flags: ['-O2'] });
    expect(isFresh(readStamp(file), recipe, [])).toBe(false);
    writeStamp(file, { recipe, versions: { x: '1' }, files: ['a'] });
    expect(readStamp(file)).toEqual({ recipe, versions: { x: '1' }, files: ['a'] });
    expect(isFresh(readStamp(file), recipe, [file])).toBe(true);
    expect(isFresh(readStamp(file), recipe, [file, `${file}.gone`])).toBe(false);
    expect(isFresh(readStamp(file), recipeHash({ flags: ['-O3'] }), [file])).toBe(false);
  });

  it.each(['', '{', '{}', 'null', '{"recipe":1,"versions":{},"files":[]}', '{"recipe":"x","versions":{}}'])(
    'that are damaged (%j) count as none',
    (text) => {
      const file = join(emptyFolder(), 'x.json');
      writeFileSync(file, text);
      expect(readStamp(file)).toBeUndefined();
    },
  );

  it('belong to a recipe that changes with flags, extra files and the toolchain', () => {
    const [libevent] = sourcePackages;
    if (libevent === undefined) {
      throw new Error('the table of source packages is empty');
    }
    const toolchain = { compiler: '12.2.0' };
    const recipe = sourceRecipe(libevent, toolchain);
    expect(sourceRecipe({ ...libevent }, { ...toolchain })).toBe(recipe);
    expect(sourceRecipe(libevent, { compiler: '13.1.0' })).not.toBe(recipe);
    expect(sourceRecipe({ ...libevent, files: {} }, toolchain)).not.toBe(recipe);
    expect(sourceRecipe({ ...libevent, commands: () => [] }, toolchain)).not.toBe(recipe);
    expect(sourceRecipe(libevent, toolchain, otherTarget())).not.toBe(recipe);
  });
});

describe('half-made things', () => {
  it('of runs that are over are deleted, those of this one stay', () => {
    const parent = emptyFolder();
    const mine = makeWorkFolder(parent, 'libevent');
    const { pid: over } = spawnSync('true');
    mkdirSync(join(parent, `libevent.${over}.abcDEF`, 'deep'), { recursive: true });
    mkdirSync(join(parent, 'somebody-else'));
    const next = makeWorkFolder(parent, 'sysroot');
    expect(existsSync(mine) && existsSync(next)).toBe(true);
    expect(existsSync(join(parent, `libevent.${over}.abcDEF`))).toBe(false);
    expect(existsSync(join(parent, 'somebody-else'))).toBe(true);
  });

  it('take the place of the old folder as a whole', () => {
    const top = emptyFolder();
    const target = join(top, 'build', 'sysroot');
    const work = makeWorkFolder(join(top, 'tmp'), 'sysroot');
    for (const name of ['first', 'second']) {
      mkdirSync(join(work, 'root'));
      writeFileSync(join(work, 'root', name), '');
      replaceFolder(join(work, 'root'), target, work);
      expect(listFiles(target)).toEqual([name]);
    }
  });

  it('are installed beside other packages’ files, and take their old ones away', () => {
    const top = emptyFolder();
    const [from, into] = [join(top, 'from'), join(top, 'into')];
    for (const file of [
      'from/include/new.h',
      'into/include/old/old.h',
      'into/include/other.h',
      'into/lib/a.a',
    ]) {
      mkdirSync(join(top, file, '..'), { recursive: true });
      writeFileSync(join(top, file), file);
    }
    installFiles(from, into, listFiles(from), ['include/old/old.h', 'lib/gone.a']);
    expect(listFiles(into)).toEqual(['include/new.h', 'include/other.h', 'lib/a.a']);
    expect(existsSync(join(into, 'include/old'))).toBe(false);
  });

  it('are listed as files, links too, without folders', () => {
    const top = emptyFolder();
    mkdirSync(join(top, 'a', 'b'), { recursive: true });
    writeFileSync(join(top, 'a', 'b', 'file'), '');
    symlinkSync('nowhere', join(top, 'a', 'link'));
    expect(listFiles(top)).toEqual(['a/b/file', 'a/link']);
  });
});

describe('reading what readelf prints', () => {
  it('the dynamic section', () => {
    const text = `
Dynamic section at offset 0x2e08 contains 27 entries:
  Tag        Type                         Name/Value
 0x0000000000000001 (NEEDED)             Shared library: [libm.so.6]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000000f (RPATH)              Library rpath: [/opt/old]
 0x000000000000001d (RUNPATH)            Library runpath: [$ORIGIN/lib:/opt]
 0x0000000000000016 (TEXTREL)            0x0
 0x000000000000001e (FLAGS)              SYMBOLIC BIND_NOW
 0x000000006ffffffb (FLAGS_1)            Flags: NOW
 0x0000000000000000 (NULL)               0x0
`;
    expect(parseDynamicSection(text)).toEqual({
      needed: ['libm.so.6', 'libc.so.6'],
      searchPaths: ['/opt/old', '$ORIGIN/lib:/opt'],
      bindNow: true,
      textRelocations: true,
    });
    const nothing = { needed: [], searchPaths: [], bindNow: false, textRelocations: false };
    expect(parseDynamicSection('\nThere is no dynamic section in this file.\n')).toEqual(nothing);
  });

  it.each([
    [' 0x0000000000000018 (BIND_NOW)           ', true, false],
    [' 0x000000000000001e (FLAGS)              BIND_NOW', true, false],
    [' 0x000000006ffffffb (FLAGS_1)            Flags: NOW NODELETE', true, false],
    [' 0x000000006ffffffb (FLAGS_1)            Flags: NODELETE', false, false],
    [' 0x000000000000001e (FLAGS)              SYMBOLIC TEXTREL', false, true],
  ])('flags in %j', (line, bindNow, textRelocations) => {
    expect(parseDynamicSection(line)).toMatchObject({ bindNow, textRelocations });
  });

  it('the segments', () => {
    const text = `
Program Headers:
  Type           Offset   VirtAddr           PhysAddr           FileSiz  MemSiz   Flg Align
  LOAD           0x000000 0x0000000000000000 0x0000000000000000 0x0004d8 0x0004d8 R   0x1000
  LOAD           0x001000 0x0000000000001000 0x0000000000001000 0x000145 0x000145 R E 0x1000
  GNU_STACK      0x000000 0x0000000000000000 0x0000000000000000 0x000000 0x000000 RWE 0x10
  GNU_RELRO      0x002df8 0x0000000000003df8 0x0000000000003df8 0x000208 0x000208 R   0x1

 Section to Segment mapping:
   00     .note.gnu.build-id .gnu.hash
`;
    expect(parseSegments(text)).toEqual([
      { type: 'LOAD', flags: 'R' },
      { type: 'LOAD', flags: 'RE' },
      { type: 'GNU_STACK', flags: 'RWE' },
      { type: 'GNU_RELRO', flags: 'R' },
    ]);
  });

  it('reads the processor from the header', () => {
    const header = (name: string) =>
      `ELF Header:\n  Machine:                           ${name}\n  Version: 0x1\n`;
    expect(parseMachine(header('AArch64'))).toBe('aarch64');
    expect(parseMachine(header('Advanced Micro Devices X86-64'))).toBe('x86_64');
    expect(parseMachine(header('MIPS R3000'))).toBeUndefined();
  });

  it('the dynamic symbols', () => {
    const text = `
Symbol table '.dynsym' contains 7 entries:
   Num:    Value          Size Type    Bind   Vis      Ndx Name
     0: 0000000000000000     0 NOTYPE  LOCAL  DEFAULT  UND 
     1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND fstat@GLIBC_2.33 (3)
     2: 0000000000000000     0 NOTYPE  WEAK   DEFAULT  UND __gmon_start__
     3: 0000000000001119    11 FUNC    GLOBAL DEFAULT   12 plugin_get_name
     4: 0000000000004040 0x123456 OBJECT  GLOBAL DEFAULT   22 table@@OWN_1.0
     5: 0000000000000000     0 OBJECT  GLOBAL DEFAULT  ABS OWN_1.0
     6: 0000000000001120     0 SECTION LOCAL  DEFAULT    9 .init
`;
    expect(parseDynamicSymbols(text)).toEqual([
      { name: 'fstat', version: 'GLIBC_2.33', defined: false },
      { name: '__gmon_start__', version: '', defined: false },
      { name: 'plugin_get_name', version: '', defined: true },
      { name: 'table', version: 'OWN_1.0', defined: true },
      { name: 'OWN_1.0', version: '', defined: true },
    ]);
  });

  it('the versions that libraries must have, not those that the file defines', () => {
    const text = `
Version definition section '.gnu.version_d' contains 2 entries:
 Addr: 0x00000000000003f8  Offset: 0x000003f8  Link: 4 (.dynstr)
  000000: Rev: 1  Flags: BASE  Index: 1  Cnt: 1  Name: libown.so
  0x001c: Rev: 1  Flags: none  Index: 2  Cnt: 1  Name: OWN_1.0

Version needs section '.gnu.version_r' contains 2 entries:
 Addr: 0x00000000000004a0  Offset: 0x000004a0  Link: 4 (.dynstr)
  000000: Version: 1  File: libm.so.6  Cnt: 1
  0x0010:   Name: GLIBC_2.29  Flags: none  Version: 5
  0x0020: Version: 1  File: libc.so.6  Cnt: 2
  0x0030:   Name: GLIBC_ABI_DT_RELR  Flags: none  Version: 4
  0x0040:   Name: GLIBC_2.2.5  Flags: WEAK  Version: 3
`;
    const needs = parseVersionNeeds(text);
    expect(needs).toEqual([
      { library: 'libm.so.6', version: 'GLIBC_2.29' },
      { library: 'libc.so.6', version: 'GLIBC_ABI_DT_RELR' },
      { library: 'libc.so.6', version: 'GLIBC_2.2.5' },
    ]);
    expect(newestGlibc(needs)).toBe('2.29');
  });

  it('version numbers by value, not by letter', () => {
    expect(['2.34', '2.4', '2.2.5', '2.10'].sort(compareVersions)).toEqual(['2.2.5', '2.4', '2.10', '2.34']);
    expect(compareVersions('2.34', '2.34.0')).toBe(0);
    expect(['GLIBC_2.34', 'GLIBC_PRIVATE', 'OPENSSL_3.0.0'].map(glibcNumber)).toEqual([
      '2.34',
      undefined,
      undefined,
    ]);
    expect(newestGlibc([{ version: 'GLIBC_PRIVATE' }])).toBeUndefined();
  });
});

describe('checkArtifact', () => {
  const good: ArtifactFacts = {
    symbols: [
      { name: 'plugin_get_required_api_version', version: '', defined: true },
      { name: 'pthread_create', version: 'GLIBC_2.34', defined: false },
      { name: '__gmon_start__', version: '', defined: false },
    ],
    versionNeeds: [
      { library: 'libc.so.6', version: 'GLIBC_2.34' },
      { library: 'libc.so.6', version: 'GLIBC_2.4' },
    ],
    dynamic: {
      needed: ['libm.so.6', 'libc.so.6', 'ld-linux-x86-64.so.2'],
      searchPaths: [],
      bindNow: true,
      textRelocations: false,
    },
    segments: [
      { type: 'GNU_STACK', flags: 'RW' },
      { type: 'GNU_RELRO', flags: 'R' },
    ],
    strippedBytes: artifactLimits.strippedBytes,
  };
  const failed = (change: Partial<ArtifactFacts>) =>
    checkArtifact({ ...good, ...change }).filter(({ ok }) => !ok);
  const dynamic = (change: Partial<ArtifactFacts['dynamic']>) =>
    failed({ dynamic: { ...good.dynamic, ...change } });
  const symbol = (name: string, version = '', defined = true) => ({ name, version, defined });

  it('finds nothing wrong with what is right, up to the limits', () => {
    expect(failed({})).toEqual([]);
    expect(checkArtifact(good)).toHaveLength(8);
  });

  it.each([
    [
      'exports',
      failed({ symbols: [...good.symbols, symbol('SSL_new')] }),
      /2 symbols, of which 1 .*: SSL_new$/,
    ],
    ['exports', failed({ symbols: [symbol('plugin_init')] }), /no plugin_get_required_api_version/],
    ['exports', failed({ symbols: [] }), /^0 symbols/],
    ['libraries', dynamic({ needed: ['libssl.so.3', 'libc.so.6'] }), /^needs libssl\.so\.3$/],
    ['libraries', dynamic({ needed: ['xlibc.so.6', 'libc.so.60'] }), /^needs xlibc\.so\.6, libc\.so\.60$/],
    [
      'glibc',
      failed({
        symbols: [...good.symbols, symbol('arc4random', 'GLIBC_2.36', false)],
        versionNeeds: [{ library: 'libc.so.6', version: 'GLIBC_2.36' }],
      }),
      /^needs arc4random@GLIBC_2\.36, newer than 2\.34$/,
    ],
    [
      'glibc',
      failed({ versionNeeds: [{ library: 'libc.so.6', version: 'GLIBC_2.35' }] }),
      /^needs GLIBC_2\.35, newer/,
    ],
    [
      'glibc',
      failed({ versionNeeds: [{ library: 'libc.so.6', version: 'GLIBC_ABI_DT_RELR' }] }),
      /^needs GLIBC_ABI_DT_RELR, newer/,
    ],
    ['stripped size', failed({ strippedBytes: 7_100_000 }), /^7\.10 MB of at most 7\.00 MB$/],
    ['stack', failed({ segments: [{ type: 'GNU_RELRO', flags: 'R' }] }), /^no GNU_STACK header$/],
    ['stack', failed({ segments: good.segments.map((each) => ({ ...each, flags: 'RWE' })) }), /^executable$/],
    ['relro', failed({ segments: [{ type: 'GNU_STACK', flags: 'RW' }] }), /^none$/],
    ['relro', dynamic({ bindNow: false }), /^partial/],
    ['search paths', dynamic({ searchPaths: ['/opt/lib'] }), /^\/opt\/lib$/],
    ['text relocations', dynamic({ textRelocations: true }), /^there are some$/],
  ])('%s', (name, results, figure) => {
    expect(results.map((each) => each.name)).toEqual([name]);
    expect(results[0]?.figure).toMatch(figure);
    expect(results[0]?.fix).not.toBe('');
  });
});

describe('check-artifact.mjs', () => {
  const script = join(repositoryRoot, 'scripts', 'check-artifact.mjs');
  const goodFlags = ['-fvisibility=hidden', '-Wl,-z,relro,-z,now', '-Wl,-z,noexecstack'];
  const code = `
    #include <math.h>
    #define API __attribute__((visibility("default")))
    API const char *plugin_get_required_api_version(void) { return "3.11.0"; }
    API double plugin_power(double a, double b) { return pow(a, b); }
    double internal(double a) { return a + 1; }
  `;

  /** Compile `code` into a shared object and check it as a user would. */
  function compileAndCheck(flags: string[]): { status: number | null; stdout: string; stderr: string } {
    const place = emptyFolder();
    const [source, library] = [join(place, 'plugin.c'), join(place, 'plugin.so')];
    writeFileSync(source, code);
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, ...flags, '-lm']);
    return spawnSync(process.execPath, [script, library], { encoding: 'utf8' });
  }

  it('passes a clean plugin and prints a line for each check', () => {
    const { status, stdout, stderr } = compileAndCheck(goodFlags);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.match(/^ {2}ok {5}/gm)).toHaveLength(8);
    expect(stdout).toMatch(/exports +2 symbols, all plugin_\*/);
    expect(stdout).toMatch(/libraries +libm\.so\.6, libc\.so\.6|libraries +libm\.so\.6/);
  });

  it('lists all that is wrong, and how to mend it', () => {
    const flags = [
      '-Wl,-z,execstack',
      '-Wl,-z,lazy',
      '-Wl,-rpath,/opt/lib',
      '-Wl,--no-as-needed',
      '-lpthread',
      '-ldl',
    ];
    const { status, stdout, stderr } = compileAndCheck([...flags, '-lresolv']);
    expect(status).toBe(1);
    const names = [...stdout.matchAll(/^ {2}FAILED (\w+(?: \w+)*)/gm)].map(([, name]) => name);
    expect(names).toEqual(['exports', 'libraries', 'stack', 'relro', 'search paths']);
    expect(stderr).toContain('5 of the checks failed');
    expect(stderr).toContain('internal');
    expect(stderr.match(/→ /g)).toHaveLength(5);
  });

  it.each([
    ['a file that does not exist', undefined, /does not exist$/],
    ['a file that is no shared object', 'hello', /is not a shared object/],
  ])('refuses %s in one sentence', (_, content, message) => {
    const file = join(emptyFolder(), 'x.so');
    if (content !== undefined) {
      writeFileSync(file, content);
    }
    const { status, stderr } = spawnSync(process.execPath, [script, file], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr.trim()).toMatch(message);
    expect(stderr.trim()).not.toContain('\n');
  });
});

describe('bootstrap.mjs', () => {
  const script = join(repositoryRoot, 'scripts', 'bootstrap.mjs');

  it.each([[['--only', 'nonsense']], [['--only', 'cross']], [['--nonsense']], [['sysroot']]])(
    'refuses %j and says what there is',
    (args) => {
      const { status, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
      expect(status).toBe(1);
      expect(stderr).toMatch(/^bootstrap: .*\nusage: .*tools\|system\|sysroot\|llhttp\|cross\|libevent/);
    },
  );

  it('says in one sentence what is missing where nothing can be installed', () => {
    const env = { PATH: emptyFolder(), HOME: emptyFolder(), CI: 'true' };
    const options = { encoding: 'utf8', env } as const;
    const { status, stderr } = spawnSync(process.execPath, [script, '--only', 'tools'], options);
    expect(status).toBe(1);
    expect(stderr.trim()).toMatch(
      /^bootstrap: missing: a C compiler, .*this machine has no apt-get; install /,
    );
    expect(stderr.trim()).not.toContain('\n');
  });
});
