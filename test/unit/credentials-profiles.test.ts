// SPDX-License-Identifier: Apache-2.0
// Profiles of AWS's shared files: how they are read, what they lead to, and what is refused with words.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Random } from '../support/random';
import { Workspace } from '../support/workspace';
import { Aws } from './credentials-support';

const ROLE = 'arn:aws:iam::123456789012:role/falco';
const CONTAINER = 'http://169.254.170.23/v1/credentials';

let aws: Aws;
let folder: Workspace;
beforeAll(async () => {
  aws = await Aws.compile();
}, 120_000);
beforeEach(() => {
  aws.reset();
  folder = new Workspace();
  aws.set({ AWS_REGION: 'eu-west-1', HOME: folder.path, AWS_EC2_METADATA_DISABLED: 'true' });
});
afterEach(() => expect(aws.leaks).toEqual([]));

const config = (text: string) => folder.write('.aws/config', text);
const credentials = (text: string) => folder.write('.aws/credentials', text);
const keys = (name: string) => `aws_access_key_id = AKIA${name}\naws_secret_access_key = hush-${name}\n`;

describe('where and how they are written', () => {
  test.each([
    ['[default] of credentials', '', `[default]\n${keys('A')}`, {}, 'AKIAA hush-A  0'],
    ['a token', '', `[default]\n${keys('A')}aws_session_token=hush-t\n`, {}, 'AKIAA hush-A hush-t 0'],
    ['[default] of config', `[default]\n${keys('A')}`, '', {}, 'AKIAA hush-A  0'],
    [
      '[profile default] before it',
      `[default]\n${keys('A')}[profile default]\n${keys('B')}`,
      '',
      {},
      'AKIAB hush-B  0',
    ],
    ['by AWS_PROFILE', `[profile x]\n${keys('A')}`, '', { AWS_PROFILE: 'x' }, 'AKIAA hush-A  0'],
    ['by AWS_DEFAULT_PROFILE', '', `[x]\n${keys('A')}`, { AWS_DEFAULT_PROFILE: 'x' }, 'AKIAA hush-A  0'],
    [
      'AWS_PROFILE before AWS_DEFAULT_PROFILE',
      '',
      `[x]\n${keys('A')}[y]\n${keys('B')}`,
      { AWS_PROFILE: 'y', AWS_DEFAULT_PROFILE: 'x' },
      'AKIAB hush-B  0',
    ],
    [
      'credentials before config, without its token',
      `[profile x]\n${keys('A')}aws_session_token = hush-t\n`,
      `[x]\n${keys('B')}`,
      { AWS_PROFILE: 'x' },
      'AKIAB hush-B  0',
    ],
    ['quotes', `[profile "x y"]\n${keys('A')}`, '', { AWS_PROFILE: 'x y' }, 'AKIAA hush-A  0'],
    ['more spaces', `  [ profile   x  ] # c\n${keys('A')}`, '', { AWS_PROFILE: 'x' }, 'AKIAA hush-A  0'],
    ['the last of two counts', '', `[default]\n${keys('A')}${keys('B')}`, {}, 'AKIAB hush-B  0'],
    [
      'in two parts',
      '',
      `[default]\n${keys('A')}[y]\n${keys('C')}[default]\naws_session_token = hush-t`,
      {},
      'AKIAA hush-A hush-t 0',
    ],
    [
      'comments, colons, other letters, quotes, DOS',
      '',
      '# [x]\r\n;a=b\r\nno meaning\r\n[default] ; c\r\nAWS_Access_Key_Id : AKIAA # c\r\n' +
        '  # c\r\naws_secret_access_key="hush=;#A"\t; c\r\nrubbish\r\n=\r\n',
      {},
      'AKIAA hush=;#A  0',
    ],
    [
      'nested lines are not the profile’s own',
      '',
      `[default]\n${keys('A')}s3 =\n  aws_access_key_id = AKIAWRONG\n\n\taws_secret_access_key = wrong\n`,
      {},
      'AKIAA hush-A  0',
    ],
    [
      'a bracket that is missing ends the section',
      '',
      `[default]\n${keys('A')}[other\n${keys('B')}`,
      {},
      'AKIAA hush-A  0',
    ],
    ['without a line break at the end', '', `[default]\n${keys('A')}`.trimEnd(), {}, 'AKIAA hush-A  0'],
  ])('%s', (_, inConfig, inCredentials, variables, expected) => {
    config(inConfig);
    credentials(inCredentials);
    aws.set(variables);
    expect(aws.start()).toBe(expected);
  });

  test('the origin is a profile and a file', () => {
    const file = credentials(`[default]\n${keys('A')}`);
    aws.start();
    expect(aws.messages).toEqual([
      `AWS credentials come from profile "default" in "${file}"; they do not end`,
    ]);
  });

  test('other files, by HOME or without', () => {
    folder.write('c1', `[default]\n${keys('A')}`);
    aws.set({ AWS_SHARED_CREDENTIALS_FILE: '~/c1' });
    expect(aws.start()).toBe('AKIAA hush-A  0');
    folder.write('c2', `[profile default]\n${keys('B')}`);
    aws.set({ AWS_SHARED_CREDENTIALS_FILE: '', AWS_CONFIG_FILE: folder.at('c2') });
    aws.host.environment.delete('HOME');
    expect(aws.start()).toBe('AKIAB hush-B  0');
  });

  test.each([
    ['[profile x] in credentials', '', `[profile x]\n${keys('A')}`],
    ['[x] in config', `[x]\n${keys('A')}`, ''],
    ['[profilex] in config', `[profilex]\n${keys('A')}`, ''],
    ['[sso-session x] in config', `[sso-session x]\n${keys('A')}`, ''],
  ])('%s is no profile', (_, inConfig, inCredentials) => {
    config(inConfig);
    credentials(inCredentials);
    aws.set({ AWS_PROFILE: 'x' });
    expect(aws.open()).toMatch(/^AWS_PROFILE: there is no profile "x" in /);
  });

  test.each([
    [
      {},
      { AWS_PROFILE: 'gone' },
      /^AWS_PROFILE: there is no profile "gone" in "[^"]+" \(does not exist\) and /,
    ],
    [
      { profile: 'gone' },
      {},
      /^init_config: key "profile": there is no profile "gone" in .*; for the role of a pod/,
    ],
    [{ profile: 'default' }, {}, /^init_config: key "profile": there is no profile "default" in/],
  ])('one that is not there is named, also where there are keys: %j %j', (settings, variables, expected) => {
    aws.set({ AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'hush', ...variables });
    expect(aws.open(settings)).toMatch(expected);
  });

  test('a value that goes on in the next line, by mistake', () => {
    credentials(`[default]\nregion = eu-west-1\n  ${keys('A')}`);
    expect(aws.open()).toMatch(
      /^profile "default" in "[^"]+": the value of region goes on in the next line \(a line that begins with/,
    );
    credentials(`[default]\nrole_arn = ${'x'.repeat(9000)}\n`);
    expect(aws.open()).toMatch(/the value of role_arn .* has more than 8192 bytes$/);
  });

  test('files that cannot be read are told of, and passed over where nothing asks for them', () => {
    credentials(`[default]\n${keys('A')}`);
    aws.host.failOpens.set('credentials', 13);
    aws.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER });
    aws.host.onCall = () => aws.json('POD');
    expect(aws.start()).toMatch(/^ASIAPOD /);
    aws.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: '' });
    expect(aws.open()).toMatch(/credentials" cannot be opened: EACCES\)/);
    aws.set({ AWS_PROFILE: 'x' });
    expect(aws.open()).toMatch(
      /^AWS_PROFILE: there is no profile "x" in .*credentials" cannot be opened: EACCES/,
    );
    aws.host.failOpens.clear();
  });

  test('huge files are not read, large ones are', () => {
    const filler = '# comment\n'.repeat(100_000);
    credentials(`${filler}[default]\n${keys('A')}`);
    expect(aws.start()).toBe('AKIAA hush-A  0');
    credentials(`[default]\n${keys('A')}${filler}${filler}`);
    expect(aws.open()).toMatch(/credentials" has more than 1048576 bytes\)/);
  });

  test.each([
    '[',
    '[]',
    '[\n]',
    '=',
    ' = \n x = y',
    '[default',
    '[profile',
    'a\0b',
    '\u00ff',
    '[default]\n=x\n x=y',
    '"',
  ])('nothing in %j', (text) => {
    config(text);
    credentials(text);
    expect(aws.open()).toMatch(/^AWS_EC2_METADATA_DISABLED forbids to ask the instance/);
  });
});

test('files of any bytes are read without a trap', () => {
  const random = new Random(7);
  const whole = `[default]\nregion = x\n a = b\ns3 =\n  x = "y"\n[profile "a b"] # c\n${keys('A')}source_profile = a b\n`;
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.from(whole.repeat(1 + random.below(3)));
    for (let left = random.below(20); left > 0; left--) {
      bytes[random.below(bytes.length)] =
        random.below(2) === 0 ? random.below(256) : '[]="\'\n\t #;'.charCodeAt(random.below(10));
    }
    const cut = bytes.subarray(0, random.below(bytes.length + 1));
    folder.write('.aws/config', cut);
    folder.write('.aws/credentials', cut);
    aws.set({ AWS_PROFILE: random.below(2) === 0 ? 'a b' : '' });
    aws.open();
    aws.turn();
  }
});

describe('the order', () => {
  beforeEach(() => {
    config(`[profile x]\n${keys('PROFILE')}[profile empty]\nregion = us-east-2\n`);
    aws.host.onCall = () => aws.json('POD');
  });

  test('keys in the environment come before AWS_PROFILE, a configured profile before them', () => {
    aws.set({ AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'hush', AWS_PROFILE: 'x' });
    expect(aws.start()).toMatch(/^AKIAENV /);
    expect(aws.start({ profile: 'x' })).toMatch(/^AKIAPROFILE /);
  });

  test('a configured profile also comes before a web identity and AWS_PROFILE', () => {
    aws.set({
      ...{
        AWS_ROLE_ARN: ROLE,
        AWS_WEB_IDENTITY_TOKEN_FILE: folder.write('token', 'hush'),
        AWS_PROFILE: 'empty',
      },
      AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER,
    });
    expect(aws.start({ profile: 'x' })).toMatch(/^AKIAPROFILE /);
  });

  test('a profile comes before the container; one without credentials does not', () => {
    aws.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER, AWS_PROFILE: 'x' });
    expect(aws.start()).toMatch(/^AKIAPROFILE /);
    aws.set({ AWS_PROFILE: 'empty' });
    expect(aws.start()).toMatch(/^ASIAPOD /);
  });

  test('the container comes before the instance', () => {
    aws.host.environment.delete('AWS_EC2_METADATA_DISABLED');
    aws.host.onCall = (call) =>
      call.url === CONTAINER ? aws.json('POD') : aws.metadata({ name: 'NODE' })(call);
    expect(aws.start()).toMatch(/^ASIANODE /);
    aws.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER });
    expect(aws.start()).toMatch(/^ASIAPOD /);
  });
});

describe('roles', () => {
  const role = (name: string, more: string) => `[profile ${name}]\nrole_arn = ${ROLE}-${name}\n${more}\n`;

  test('of a source_profile, with all that a session may have', () => {
    config(
      role(
        'a',
        'source_profile = b\nexternal_id = their/id+\nrole_session_name = me\nduration_seconds = 900',
      ) + `[profile b]\n${keys('B')}aws_session_token = hush-t\n`,
    );
    aws.host.onCall = () => aws.session('ROLE');
    expect(aws.start({ profile: 'a' })).toMatch(/^ASIAROLE hush-secret-ROLE hush-token-ROLE /);
    const [call] = aws.host.calls;
    expect(call).toMatchObject({
      ...{ url: 'https://sts.eu-west-1.amazonaws.com/', signing: 'aws:amz:eu-west-1:sts' },
      ...{ keyId: 'AKIAB', secret: 'hush-B', isDirect: false },
      headers: { 'x-amz-security-token': 'hush-t' },
    });
    expect(aws.form(call!)).toEqual({
      ...{ Action: 'AssumeRole', Version: '2011-06-15', RoleArn: `${ROLE}-a`, RoleSessionName: 'me' },
      ...{ ExternalId: 'their/id+', DurationSeconds: '900' },
    });
    expect(aws.messages[0]).toMatch(
      /^AWS credentials come from role \S+-a of profile "a", by profile "b" in "[^"]+config"; they end at /,
    );
  });

  test('one by the other', () => {
    config(role('a', 'source_profile = b') + role('b', 'source_profile = c') + `[profile c]\n${keys('C')}`);
    aws.host.onCall = (call) => aws.session(aws.form(call)['RoleArn']!.slice(-1).toUpperCase());
    expect(aws.start({ profile: 'a' })).toMatch(/^ASIAA /);
    expect(aws.host.calls.map(({ keyId }) => keyId)).toEqual(['AKIAC', 'ASIAB']);
  });

  test('of a web identity token, and by it', () => {
    config(
      role('a', `web_identity_token_file = ${folder.write('token', 'hush.web')}\nrole_session_name = me`) +
        role('b', 'source_profile = a'),
    );
    aws.host.onCall = ({ body }) => aws.session(body.includes('WebIdentityToken=hush.web') ? 'WEB' : 'ROLE');
    expect(aws.start({ profile: 'a' })).toMatch(/^ASIAWEB /);
    expect(aws.form(aws.host.calls[0]!)['RoleSessionName']).toBe('me');
    expect(aws.start({ profile: 'b' })).toMatch(/^ASIAROLE /);
    expect(aws.host.calls.at(-1)!.keyId).toBe('ASIAWEB');
  });

  test.each([
    ['Environment', { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'hush' }, 'AKIAENV'],
    ['EcsContainer', { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/x' }, 'ASIAPOD'],
    ['Ec2InstanceMetadata', { AWS_EC2_METADATA_DISABLED: '' }, 'ASIANODE'],
  ])('of credential_source %s', (source, variables, keyId) => {
    config(role('a', `credential_source = ${source}`));
    const metadata = aws.metadata({ name: 'NODE' });
    aws.host.onCall = (call) => {
      if (call.url.includes('sts')) return aws.session('ROLE');
      return call.url.startsWith('http://169.254.170.2/') ? aws.json('POD') : metadata(call);
    };
    expect(aws.open({ profile: 'a' })).toMatch(
      new RegExp(
        `^AWS profile "a": credential_source is ${source}, but \\w+ (and \\w+ are not set|is true)$`,
      ),
    );
    aws.set(variables);
    expect(aws.start({ profile: 'a' })).toMatch(/^ASIAROLE /);
    expect(aws.host.calls.at(-1)!.keyId).toBe(keyId);
  });

  test('a profile may give itself its keys', () => {
    config(role('a', `source_profile = a\n${keys('A')}`));
    aws.host.onCall = () => aws.session('ROLE');
    expect(aws.start({ profile: 'a' })).toMatch(/^ASIAROLE /);
    expect(aws.host.calls[0]!.keyId).toBe('AKIAA');
  });

  test('what the role’s place says when it gives nothing', () => {
    config(role('a', 'credential_source = EcsContainer'));
    aws.set({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/x' });
    aws.host.onCall = () => ({ status: 500 });
    aws.open({ profile: 'a' });
    aws.turn();
    expect(aws.messages).toEqual([
      `AWS credentials cannot be got: role ${ROLE}-a of profile "a", by the container end point ` +
        'http://169.254.170.2/x: HTTP status 500; it is tried again',
    ]);
    expect(aws.host.calls).toHaveLength(1);
  });

  test.each([
    [
      'not trusted',
      {
        status: 403,
        body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: u is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>',
      },
      /AccessDenied \(HTTP status 403\): User: u is not authorized to perform: sts:AssumeRole; the role's trust policy must/,
    ],
    [
      'a region without STS',
      {
        status: 403,
        body: '<ErrorResponse><Error><Code>RegionDisabledException</Code></Error></ErrorResponse>',
      },
      /RegionDisabledException \(HTTP status 403\); switch STS on for this region, or set another region;/,
    ],
  ])('%s', (_, answer, expected) => {
    config(role('a', `source_profile = a\n${keys('A')}`));
    aws.host.onCall = () => answer;
    aws.open({ profile: 'a' });
    aws.turn();
    expect(aws.messages[0]).toMatch(expected);
  });

  const circle = Array.from({ length: 5 }, (_, i) => role(`p${i}`, `source_profile = p${(i + 1) % 5}`)).join(
    '',
  );
  const long = Array.from({ length: 20 }, (_, i) => role(`p${i}`, `source_profile = p${i + 1}`)).join('');
  test.each([
    ['a circle', circle, /^AWS profile "p0": source_profile leads round in a circle$/],
    [
      'itself',
      role('p0', 'source_profile = p0'),
      /^AWS profile "p0": source_profile leads round in a circle$/,
    ],
    [
      'a long way',
      long + `[profile p20]\n${keys('Z')}`,
      /^AWS profile "p8": too many profiles lead to one another$/,
    ],
    [
      'nowhere',
      role('p0', 'source_profile = gone'),
      /^AWS profile "p0": its source_profile "gone" is not in /,
    ],
    [
      'to nothing',
      role('p0', 'source_profile = b') + '[profile b]\nregion = x\n',
      /^AWS profile "p0": its source_profile "b" has no credentials$/,
    ],
    [
      'without a role',
      '[profile p0]\nsource_profile = b\n',
      /^AWS profile "p0": source_profile needs role_arn$/,
    ],
    [
      'without a role',
      '[profile p0]\nweb_identity_token_file = b\n',
      /^AWS profile "p0": web_identity_token_file needs role_arn$/,
    ],
    [
      'a role alone',
      role('p0', ''),
      /^AWS profile "p0": role_arn needs source_profile, credential_source or web_/,
    ],
    [
      'two ways',
      role('p0', 'source_profile = b\ncredential_source = Environment'),
      /^AWS profile "p0": only one of source_profile, credential_source may be set$/,
    ],
    [
      'another source',
      role('p0', 'credential_source = Vault'),
      /^AWS profile "p0": credential_source must be Environment, EcsContainer or Ec2InstanceMetadata$/,
    ],
    [
      'a device',
      role('p0', `source_profile = p0\nmfa_serial = arn:aws:iam::1:mfa/me\n${keys('A')}`),
      /^AWS profile "p0": mfa_serial asks for a person with a device; take a role without it$/,
    ],
    ...['899', '43201', '1h', '-900', '9999999999'].map((duration): [string, string, RegExp] => [
      `duration_seconds = ${duration}`,
      role('p0', `source_profile = p0\nduration_seconds = ${duration}\n${keys('A')}`),
      /^AWS profile "p0": duration_seconds must be a whole number from 900 to 43200$/,
    ]),
    ...['sso_session', 'sso_account_id', 'sso_start_url', 'login_session'].map(
      (key): [string, string, RegExp] => [
        key,
        `[profile p0]\n${key} = x\n`,
        new RegExp(
          `^AWS profile "p0": ${key} asks for a person who logs in, which is not supported; use a role`,
        ),
      ],
    ),
    [
      'a program',
      '[profile p0]\ncredential_process = /bin/true\n',
      /^AWS profile "p0": credential_process starts a program, which is not supported; use a role/,
    ],
    [
      'a program further on',
      role('p0', 'source_profile = b') + '[profile b]\ncredential_process = /bin/true\n',
      /^AWS profile "b": credential_process starts a program/,
    ],
    [
      'half of the keys',
      '[profile p0]\naws_access_key_id = AKIAA\n',
      /^AWS profile "p0": aws_secret_access_key is missing beside the other half of the keys$/,
    ],
    [
      'the other half of the keys',
      '[profile p0]\naws_secret_access_key = hush\n',
      /^AWS profile "p0": aws_access_key_id is missing beside the other half of the keys$/,
    ],
  ])('refused: %s', (_, text, expected) => {
    config(text);
    expect(aws.open({ profile: 'p0' })).toMatch(expected);
    aws.set({ AWS_PROFILE: 'p0' });
    expect(aws.open()).toMatch(expected);
  });

  test('what of the default profile cannot be used does not matter to who comes before it', () => {
    config('[default]\ncredential_process = /bin/true\n');
    aws.set({ AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'hush' });
    expect(aws.start()).toMatch(/^AKIAENV /);
  });
});
