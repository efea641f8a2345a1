// SPDX-License-Identifier: Apache-2.0
// Where services of AWS are: region, partition, end points (assembly/cloud/aws).
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Workspace } from '../support/workspace';
import { Aws } from './credentials-support';

let aws: Aws;
let folder: Workspace;
beforeAll(async () => {
  aws = await Aws.compile();
}, 120_000);
beforeEach(() => {
  aws.reset();
  folder = new Workspace();
  aws.set({ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'hush' });
});
afterEach(() => expect(aws.leaks).toEqual([]));

function config(text: string): void {
  aws.set({ AWS_CONFIG_FILE: folder.write('config', text) });
}

describe('the region', () => {
  test('configuration, AWS_REGION, AWS_DEFAULT_REGION, profile: the first of them', () => {
    config(
      '[default]\nregion = us-east-1\n[profile x]\nregion = us-east-2\naws_access_key_id = AKIA\naws_secret_access_key = hush\n',
    );
    const found = (settings = {}) => {
      aws.start(settings);
      return aws.region;
    };
    expect(found()).toBe('us-east-1');
    expect(found({ profile: 'x' })).toBe('us-east-2');
    aws.set({ AWS_DEFAULT_REGION: 'us-west-1' });
    expect(found()).toBe('us-west-1');
    aws.set({ AWS_REGION: 'us-west-2' });
    expect(found()).toBe('us-west-2');
    expect(found({ region: 'eu-west-1' })).toBe('eu-west-1');
    expect(aws.host.calls).toEqual([]);
  });

  test('at last, the instance’s metadata', () => {
    aws.host.onCall = aws.metadata({ region: 'ap-south-1' });
    expect(aws.open()).toBe('');
    expect([aws.region, aws.url('logs')]).toEqual(['', '']);
    expect(aws.turn()).toBe(true);
    expect([aws.region, aws.url('logs')]).toEqual(['ap-south-1', 'https://logs.ap-south-1.amazonaws.com']);
    expect(aws.host.calls.map(({ url, isDirect }) => [url, isDirect])).toEqual([
      ['http://169.254.169.254/latest/api/token', true],
      ['http://169.254.169.254/latest/meta-data/placement/region', true],
    ]);
    expect(aws.messages[0]).toBe('AWS region ap-south-1 comes from the instance metadata');
  });

  test('until metadata gives it there are no credentials, and it is tried again', () => {
    aws.host.onCall = () => ({ failure: 'time' });
    aws.open();
    aws.turn();
    expect(aws.messages).toEqual([
      'AWS credentials cannot be got: the region is not known: set key "region" or AWS_REGION (the instance metadata at ' +
        'http://169.254.169.254 gave no answer: failed: time (in a pod: the hop limit of the instance may be 1)); it is tried again',
    ]);
    expect(aws.problem).toMatch(/^the region is not known/);
    aws.host.onCall = aws.metadata({ region: 'ap-south-1' });
    aws.run(3);
    expect([aws.turn(), aws.region, aws.problem]).toEqual([true, 'ap-south-1', '']);
  });

  test('metadata answers with something else', () => {
    aws.host.onCall = aws.metadata({ region: 'example.com/' });
    aws.open();
    expect(aws.turn()).toBe(false);
    expect(aws.problem).toContain('the instance metadata answered with something that is no region');
  });

  test('a region that something else tells', () => {
    aws.set({ AWS_REGION: 'eu-west-1' });
    expect(aws.elsewhere).toBe('cn-north-1 https://sqs.cn-north-1.amazonaws.com.cn');
  });

  test('nobody may be asked', () => {
    aws.set({ AWS_EC2_METADATA_DISABLED: 'TRUE' });
    expect(aws.open()).toBe(
      'init_config: key "region" is missing: AWS_REGION and AWS_DEFAULT_REGION are not set, profile "default" has none, ' +
        'and AWS_EC2_METADATA_DISABLED forbids to ask the instance',
    );
  });

  test.each(['eu-west-1.example.com/', 'EU-WEST-1', 'a b', '-a', 'a-', 'x'.repeat(64), 'eu-west-1\n'])(
    '%j is none',
    (region) => {
      expect(aws.open({ region })).toMatch(/^init_config: key "region" is not the name of a region: "/);
      aws.set({ AWS_REGION: region });
      expect(aws.open()).toMatch(/^AWS_REGION is not the name of a region: "/);
    },
  );
});

describe('public end points', () => {
  test.each([
    ['us-east-1', 'https://logs.us-east-1.amazonaws.com'],
    ['cn-north-1', 'https://logs.cn-north-1.amazonaws.com.cn'],
    ['us-gov-west-1', 'https://logs.us-gov-west-1.amazonaws.com'],
    ['us-iso-east-1', 'https://logs.us-iso-east-1.c2s.ic.gov'],
    ['us-isob-east-1', 'https://logs.us-isob-east-1.sc2s.sgov.gov'],
    ['us-isof-south-1', 'https://logs.us-isof-south-1.csp.hci.ic.gov'],
    ['eu-isoe-west-1', 'https://logs.eu-isoe-west-1.cloud.adc-e.uk'],
    ['eusc-de-east-1', 'https://logs.eusc-de-east-1.amazonaws.eu'],
    ['xx-new-1', 'https://logs.xx-new-1.amazonaws.com'],
  ])('%s', (region, url) => {
    aws.start({ region });
    expect(aws.url('logs')).toBe(url);
    expect(aws.url('sts')).toBe(url.replace('logs', 'sts'));
  });

  test.each([
    ['true', '', 'us-east-1', 'logs-fips.us-east-1.amazonaws.com', 's3-fips.us-east-1.amazonaws.com'],
    ['', 'true', 'us-east-1', 'logs.us-east-1.api.aws', 's3.dualstack.us-east-1.amazonaws.com'],
    ['true', 'true', 'us-east-1', 'logs-fips.us-east-1.api.aws', 's3-fips.dualstack.us-east-1.amazonaws.com'],
    ['true', '', 'us-gov-west-1', 'logs.us-gov-west-1.amazonaws.com', 's3-fips.us-gov-west-1.amazonaws.com'],
    [
      '',
      'true',
      'cn-north-1',
      'logs.cn-north-1.api.amazonwebservices.com.cn',
      's3.dualstack.cn-north-1.amazonaws.com.cn',
    ],
    ['false', 'false', 'us-east-1', 'logs.us-east-1.amazonaws.com', 's3.us-east-1.amazonaws.com'],
  ])('FIPS %j, dual-stack %j, %s', (fips, dualStack, region, logs, s3) => {
    aws.set({ AWS_USE_FIPS_ENDPOINT: fips, AWS_USE_DUALSTACK_ENDPOINT: dualStack });
    aws.start({ region });
    expect([aws.url('logs'), aws.url('s3')]).toEqual([`https://${logs}`, `https://${s3}`]);
    aws.set({ AWS_USE_FIPS_ENDPOINT: '', AWS_USE_DUALSTACK_ENDPOINT: '' });
    config(
      `[default]\nuse_fips_endpoint = ${fips || 'false'}\nuse_dualstack_endpoint = ${dualStack || 'false'}\n`,
    );
    aws.start({ region });
    expect([aws.url('logs'), aws.url('s3')]).toEqual([`https://${logs}`, `https://${s3}`]);
  });
});

describe('end points of one’s own', () => {
  const url = (settings: object, service: Parameters<Aws['url']>[0] = 'logs') => {
    aws.start({ region: 'eu-west-1', ...settings });
    return aws.url(service);
  };

  test('configuration, variable of the service, AWS_ENDPOINT_URL, services of the profile, profile', () => {
    config(
      '[default]\nendpoint_url = https://profile\nservices = mine\n' +
        '[services other]\nsqs =\n  endpoint_url = https://wrong\n' +
        '[services mine]\ncloudwatch_logs =\n  endpoint_url = https://services/ \n  x = y\ns3 =\n  x = y\n' +
        'endpoint_url = https://wrong\n',
    );
    expect(url({})).toBe('https://services own');
    expect(url({}, 's3')).toBe('https://profile own');
    expect(url({}, 'sqs')).toBe('https://profile own');
    aws.set({ AWS_ENDPOINT_URL: 'https://all/' });
    expect(url({})).toBe('https://all own');
    aws.set({ AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: 'https://logs/x//' });
    expect(url({})).toBe('https://logs/x own');
    expect(url({}, 's3')).toBe('https://all own');
    expect(url({ awsEndpoints: { logs: 'https://mine' } })).toBe('https://mine own');
    expect(url({ awsEndpoints: { logs: 'https://mine' } }, 'sts')).toBe('https://all own');
  });

  test.each([
    ['logs', 'AWS_ENDPOINT_URL_CLOUDWATCH_LOGS'],
    ['s3', 'AWS_ENDPOINT_URL_S3'],
    ['sqs', 'AWS_ENDPOINT_URL_SQS'],
    ['sts', 'AWS_ENDPOINT_URL_STS'],
  ] as const)('%s', (service, variable) => {
    aws.set({ [variable]: 'https://vpce.example' });
    expect(url({}, service)).toBe('https://vpce.example own');
    expect(url({}, service === 's3' ? 'sqs' : 's3')).toMatch(
      /^https:\/\/s(3|qs)\.eu-west-1\.amazonaws\.com$/,
    );
  });

  test('ignored, but for the configuration’s', () => {
    aws.set({ AWS_ENDPOINT_URL: 'https://all', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' });
    expect(url({ awsEndpoints: { s3: 'https://mine' } })).toBe('https://logs.eu-west-1.amazonaws.com');
    expect(aws.url('s3')).toBe('https://mine own');
    aws.set({ AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: '' });
    config('[default]\nignore_configured_endpoint_urls = true\n');
    expect(url({})).toBe('https://logs.eu-west-1.amazonaws.com');
    aws.set({ AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false' });
    expect(url({})).toBe('https://all own');
  });

  test('STS at its own end point gives the credentials', () => {
    aws.host.environment.delete('AWS_ACCESS_KEY_ID');
    aws.host.environment.delete('AWS_SECRET_ACCESS_KEY');
    aws.set({
      AWS_ROLE_ARN: 'arn:aws:iam::1:role/r',
      AWS_WEB_IDENTITY_TOKEN_FILE: folder.write('t', 'hush'),
    });
    aws.host.onCall = () => aws.session('WEB');
    aws.start({ region: 'eu-west-1', awsEndpoints: { sts: 'https://vpce.example/' } });
    expect(aws.host.calls[0]!.url).toBe('https://vpce.example/');
  });

  test.each([
    ['ftp://x', 'must begin with https:// or http://'],
    ['logs.eu-west-1.amazonaws.com', 'must begin with https:// or http://'],
    ['https://', 'has no host'],
    ['https:///x', 'has no host'],
    ['https://:443', 'has no host'],
    ['https://hush:hush@x', 'must not have a user or password in it'],
    ['https://x?a=b', 'must end with its path, without ? and #'],
    ['https://x#a', 'must end with its path, without ? and #'],
    ['https://x\ny', 'has a space or a character that a URL cannot have'],
    ['https://ü', 'has a space or a character that a URL cannot have'],
  ])('%j is none', (given, problem) => {
    expect(aws.open({ region: 'eu-west-1', awsEndpoints: { sqs: given } })).toBe(
      `init_config: key "awsEndpoints": sqs ${problem}`,
    );
    aws.set({ AWS_ENDPOINT_URL_S3: given });
    expect(aws.open({ region: 'eu-west-1' })).toBe(`AWS_ENDPOINT_URL_S3 ${problem}`);
    aws.set({ AWS_ENDPOINT_URL_S3: '' });
    config(`[default]\nendpoint_url = ${given.replace('\n', ' ')}\n`);
    expect(aws.open({ region: 'eu-west-1' })).toBe(`profile "default": endpoint_url ${problem}`);
  });

  test('a service that is not used', () => {
    expect(aws.open({ region: 'eu-west-1', awsEndpoints: { cloudwatch: 'https://x' } })).toBe(
      'init_config: key "awsEndpoints": unknown service "cloudwatch"; known are logs, s3, sqs, sts',
    );
  });

  test('plain text is warned of once, but not on this machine', () => {
    for (const plain of ['http://localhost:5000', 'http://127.0.0.1:5000', 'http://[::1]:5000']) {
      expect(url({ awsEndpoints: { logs: plain } })).toBe(`${plain} own`);
    }
    const warnings = () => aws.messages.filter((message) => message.includes('plain text'));
    expect(warnings()).toEqual([]);
    url({ awsEndpoints: { logs: 'http://vpce.example' } });
    url({ awsEndpoints: { logs: 'http://vpce.example' } });
    expect(warnings()).toEqual([
      'init_config: key "awsEndpoints": logs: http://vpce.example is plain text: events can be read and changed on their way',
    ]);
  });

  test('certificates are those of caFile, or of AWS_CA_BUNDLE', () => {
    aws.host.environment.delete('AWS_ACCESS_KEY_ID');
    aws.host.environment.delete('AWS_SECRET_ACCESS_KEY');
    aws.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'https://vault.example/', AWS_REGION: 'eu-west-1' });
    aws.host.onCall = () => aws.json('POD');
    aws.start({ caFile: '/ca.pem' });
    expect(aws.host.calls[0]).toMatchObject({ authorities: '/ca.pem', isDirect: true });
    aws.set({ AWS_CA_BUNDLE: '/bundle.pem' });
    aws.start();
    aws.start({ caFile: '/ca.pem' });
    expect(aws.host.calls.slice(1).map(({ authorities }) => authorities)).toEqual(['/bundle.pem', '/ca.pem']);
  });
});
