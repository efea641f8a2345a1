// SPDX-License-Identifier: Apache-2.0
// What configuration, environment and shared files say of AWS, credentials left out: region, end points, profile.
// The order is that of the AWS SDKs: configuration, environment, profile.
import { Config } from '../../config/config';
import { AWS_ENDPOINTS, CA_FILE, PROFILE, REGION } from '../../config/schema';
import { environment } from '../../host_text';
import { Severity, log } from '../../log';
import { faultOfUrl, hostOf, isLoopback, withoutSlash } from '../../web/address';
import { systemAuthorities } from '../../web/authorities';
import { printable } from '../../web/text';
import { isRegion, publicUrl } from './endpoint';
import { Profile, SharedFiles } from './shared_files';

/** The services that are used: as in host names, in the environment, and in `[services …]`. */
const SERVICES: string[] = ['logs', 's3', 'sqs', 'sts'];
const SERVICE_VARIABLES: string[] = ['CLOUDWATCH_LOGS', 'S3', 'SQS', 'STS'];
const SERVICE_KEYS: string[] = ['cloudwatch_logs', 's3', 'sqs', 'sts'];

const METADATA_IPV4 = 'http://169.254.169.254';
const METADATA_IPV6 = 'http://[fd00:ec2::254]';
const MAX_SHOWN = 64;

/** URLs in plain text that were warned of. */
const warned: string[] = [];

export class AwsSettings {
  /** Why nothing of AWS can be used, naming the key or variable; empty when it can. */
  problem: string = '';
  /** Name of the profile. */
  profile: string = 'default';
  /** What chose the profile, for messages; empty: nothing. */
  profileKey: string = '';
  /** Whether the configuration chose it: then nothing of the environment's credentials comes before it. */
  isProfileConfigured: bool = false;
  /** Empty as long as nothing says one: the instance's metadata may. */
  region: string = '';
  /** Path of the certificates that those of services must lead to. */
  readonly authorities: string;
  /** URL of the instance's metadata; empty: it is not to be asked. */
  metadataUrl: string = '';
  private urls: string[] = ['', '', '', ''];
  private useFips: bool = false;
  private useDualStack: bool = false;

  /** `given` is a region that something else tells; it counts more than all settings. */
  constructor(config: Config, given: string = '') {
    const authorities = first(config.text(CA_FILE), environment('AWS_CA_BUNDLE'));
    this.authorities = authorities != '' ? authorities : systemAuthorities();
    this.chooseProfile(config);
    const files = new SharedFiles();
    files.load();
    const found = files.profile(this.profile);
    if (!found && this.profileKey != '') this.problem = this.missingProfile(files);
    else if (found && found.problem != '') this.problem = found.problem;
    const profile = found ? found : new Profile(this.profile);
    this.readRegion(config, profile, given);
    this.readUrls(config, profile, files);
    this.readMetadataUrl(profile);
    this.useFips = isTrue(first(environment('AWS_USE_FIPS_ENDPOINT'), profile.get('use_fips_endpoint')));
    this.useDualStack = isTrue(
      first(environment('AWS_USE_DUALSTACK_ENDPOINT'), profile.get('use_dualstack_endpoint')),
    );
    files.close();
    if (this.problem == '' && this.region == '' && this.metadataUrl == '')
      this.problem = this.missingRegion();
  }

  private fail(problem: string): void {
    if (this.problem == '') this.problem = problem;
  }

  private chooseProfile(config: Config): void {
    const configured = config.text(PROFILE);
    this.isProfileConfigured = configured != '';
    if (configured != '') this.choose(configured, 'init_config: key "profile"');
    else if (environment('AWS_PROFILE') != '') this.choose(environment('AWS_PROFILE'), 'AWS_PROFILE');
    else if (environment('AWS_DEFAULT_PROFILE') != '') {
      this.choose(environment('AWS_DEFAULT_PROFILE'), 'AWS_DEFAULT_PROFILE');
    }
  }

  private choose(profile: string, key: string): void {
    this.profile = profile;
    this.profileKey = key;
  }

  private missingProfile(files: SharedFiles): string {
    const name = printable(this.profile, MAX_SHOWN);
    return (
      this.profileKey +
      ': there is no profile "' +
      name +
      '" in ' +
      files.state +
      '; for the role of a pod (IRSA, EKS Pod Identity) leave it out'
    );
  }

  private missingRegion(): string {
    return (
      'init_config: key "region" is missing: AWS_REGION and AWS_DEFAULT_REGION are not set, profile "' +
      printable(this.profile, MAX_SHOWN) +
      '" has none, and AWS_EC2_METADATA_DISABLED forbids to ask the instance'
    );
  }

  private readRegion(config: Config, profile: Profile, given: string): void {
    let name = 'init_config: key "region"';
    let region = config.text(REGION);
    if (region == '') {
      name = 'AWS_REGION';
      region = environment(name);
    }
    if (region == '') {
      name = 'AWS_DEFAULT_REGION';
      region = environment(name);
    }
    if (region == '') {
      name = 'profile "' + printable(this.profile, MAX_SHOWN) + '": region';
      region = profile.get('region');
    }
    if (region != '' && !isRegion(region)) {
      this.fail(name + ' is not the name of a region: "' + printable(region, MAX_SHOWN) + '"');
    }
    this.region = given != '' ? given : region;
  }

  private readUrls(config: Config, profile: Profile, files: SharedFiles): void {
    const pairs = config.texts(AWS_ENDPOINTS);
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const at = SERVICES.indexOf(pairs[i]);
      const key = 'init_config: key "awsEndpoints": ';
      if (at < 0) {
        const known = SERVICES.join(', ');
        this.fail(key + 'unknown service "' + printable(pairs[i], MAX_SHOWN) + '"; known are ' + known);
      } else this.setUrl(at, key + SERVICES[at], pairs[i + 1]);
    }
    const ignored = environment('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS');
    if (isTrue(first(ignored, profile.get('ignore_configured_endpoint_urls')))) return;
    for (let i = 0; i < SERVICES.length; i++) {
      const variable = 'AWS_ENDPOINT_URL_' + SERVICE_VARIABLES[i];
      this.setUrl(i, variable, environment(variable));
      this.setUrl(i, 'AWS_ENDPOINT_URL', environment('AWS_ENDPOINT_URL'));
      const services = profile.get('services');
      const origin = 'profile "' + printable(this.profile, MAX_SHOWN) + '": endpoint_url';
      if (services != '') this.setUrl(i, origin, files.serviceUrl(services, SERVICE_KEYS[i]));
      this.setUrl(i, origin, profile.get('endpoint_url'));
    }
  }

  /** The first that is given counts. */
  private setUrl(service: i32, name: string, url: string): void {
    if (url == '' || this.urls[service] != '') return;
    const fault = faultOfUrl(url);
    if (fault != '') this.fail(name + fault);
    else if (url.startsWith('http://') && !isLoopback(hostOf(url)) && !warned.includes(url)) {
      warned.push(url);
      log(
        Severity.Warning,
        name + ': ' + printable(url, 256) + ' is plain text: events can be read and changed on their way',
      );
    }
    this.urls[service] = withoutSlash(url);
  }

  private readMetadataUrl(profile: Profile): void {
    if (isTrue(environment('AWS_EC2_METADATA_DISABLED'))) return;
    const variable = 'AWS_EC2_METADATA_SERVICE_ENDPOINT';
    const url = first(environment(variable), profile.get('ec2_metadata_service_endpoint'));
    const modeVariable = variable + '_MODE';
    const mode = first(environment(modeVariable), profile.get('ec2_metadata_service_endpoint_mode'));
    const lower = mode.toLowerCase();
    if (lower != '' && lower != 'ipv4' && lower != 'ipv6') {
      this.fail(modeVariable + ' must be IPv4 or IPv6, not "' + printable(mode, MAX_SHOWN) + '"');
    }
    this.metadataUrl = url != '' ? withoutSlash(url) : lower == 'ipv6' ? METADATA_IPV6 : METADATA_IPV4;
    const fault = faultOfUrl(this.metadataUrl);
    if (fault != '') this.fail(variable + fault);
  }

  /** Whether the URL of a service was given. */
  hasUrl(service: string): bool {
    return this.urls[SERVICES.indexOf(service)] != '';
  }

  /** The URL of a service, without a slash at its end; empty as long as the region is not known. */
  url(service: string): string {
    const given = this.urls[SERVICES.indexOf(service)];
    if (given != '') return given;
    return this.region == '' ? '' : publicUrl(service, this.region, this.useFips, this.useDualStack);
  }
}

/** The first of two texts that is not empty. */
function first(a: string, b: string): string {
  return a != '' ? a : b;
}

function isTrue(text: string): bool {
  return text.toLowerCase() == 'true';
}
