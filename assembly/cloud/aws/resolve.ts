// SPDX-License-Identifier: Apache-2.0
// Which place credentials come from: the first one that is set, as in the AWS SDKs (docs/eks.md has the table). A place
// that is set and cannot be used is an error; nothing behind it is tried.
import { environment } from '../../host_text';
import { faultOfUrl, hostOf, isLoopback } from '../../web/address';
import { printable } from '../../web/text';
import { ContainerEndpoint } from './container';
import { InstanceRole } from './metadata';
import { Provider, StaticKeys } from './provider';
import { AwsSettings } from './settings';
import { ACCESS_KEY_ID, Profile, SECRET_ACCESS_KEY, SESSION_TOKEN, SharedFiles } from './shared_files';
import { AssumeRole, WebIdentity } from './sts';

/** Profiles that lead to one another by source_profile. */
const MAX_PROFILES = 8;
const MAX_SHOWN = 128;

/** Hosts beside loopback that may give credentials in plain text: ECS, and EKS's agent. */
const PLAIN_HOSTS: string[] = ['169.254.170.2', '169.254.170.23', 'fd00:ec2::23'];
const CONTAINER_HOST = 'http://169.254.170.2';

export class Resolver {
  /** Why there is no place, naming what is wrong; empty when there is one. */
  problem: string = '';
  /** Where only the last place is left: what was looked at before it, and what to do, for messages. */
  tried: string = '';
  private files: SharedFiles = new SharedFiles();
  private seen: string[] = [];

  constructor(private settings: AwsSettings) {}

  /** The place, or null and `problem`. */
  resolve(): Provider | null {
    this.files.load();
    const provider = this.find();
    this.files.close();
    return provider;
  }

  private fail(problem: string): Provider | null {
    if (this.problem == '') this.problem = problem;
    return null;
  }

  private find(): Provider | null {
    const settings = this.settings;
    const name = settings.profile;
    const profile = this.files.profile(name);
    if (!profile && settings.profileKey != '') {
      return this.fail(
        settings.profileKey + ': there is no profile ' + quoted(name) + ' in ' + this.files.state,
      );
    }
    if (!settings.isProfileConfigured) {
      let provider = environmentKeys(this);
      if (provider || this.problem != '') return provider;
      provider = this.environmentIdentity();
      if (provider || this.problem != '') return provider;
    }
    const fromProfile = profile ? this.profileProvider(profile) : null;
    if (fromProfile || this.problem != '') return fromProfile;
    const container = this.container();
    if (container || this.problem != '') return container;
    const before = settings.isProfileConfigured
      ? ''
      : 'AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are not set, ';
    this.tried =
      before +
      ('profile ' + quoted(name) + ' gives none (' + this.files.state + '), ') +
      'AWS_CONTAINER_CREDENTIALS_FULL_URI is not set; a pod gets a role by IRSA or EKS Pod Identity: docs/eks.md';
    const instance = this.instance();
    return instance
      ? instance
      : this.fail('AWS_EC2_METADATA_DISABLED forbids to ask the instance, ' + this.tried);
  }

  private instance(): Provider | null {
    const url = this.settings.metadataUrl;
    return url == '' ? null : new InstanceRole(url);
  }

  private environmentIdentity(): Provider | null {
    const file = environment('AWS_WEB_IDENTITY_TOKEN_FILE');
    if (file == '') return null;
    const role = environment('AWS_ROLE_ARN');
    if (role == '') return this.fail('AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not');
    const origin = 'role ' + shown(role) + ' by the web identity token of AWS_WEB_IDENTITY_TOKEN_FILE (IRSA)';
    return new WebIdentity(origin, this.settings, role, environment('AWS_ROLE_SESSION_NAME'), file);
  }

  private container(): Provider | null {
    const relative = environment('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI');
    const full = environment('AWS_CONTAINER_CREDENTIALS_FULL_URI');
    if (relative == '' && full == '') return null;
    let url = full;
    if (relative != '') {
      const name = 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI';
      if (!relative.startsWith('/')) return this.fail(name + ' must begin with a slash');
      url = CONTAINER_HOST + relative;
      const fault = faultOfUrl(url);
      if (fault != '') return this.fail(name + fault);
    } else {
      const fault = faultOfContainerUrl(full);
      if (fault != '') return this.fail('AWS_CONTAINER_CREDENTIALS_FULL_URI' + fault);
    }
    const file = environment('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE');
    const token = environment('AWS_CONTAINER_AUTHORIZATION_TOKEN');
    return new ContainerEndpoint(url, file, token, this.settings.authorities);
  }

  /** What a profile leads to; null without a problem: it has no credentials. */
  private profileProvider(profile: Profile): Provider | null {
    const isSource = this.seen.length > 0;
    const isSeen = this.seen.includes(profile.name);
    if (profile.problem != '') return this.fail(profile.problem);
    const keys = this.profileKeys(profile);
    // A profile that others lead to gives its keys, if it has some.
    if (this.problem != '' || (keys && isSource)) return keys;
    if (isSeen) return this.failAt(profile, 'source_profile leads round in a circle');
    if (this.seen.length == MAX_PROFILES)
      return this.failAt(profile, 'too many profiles lead to one another');
    this.seen.push(profile.name);
    const fault = faultOfProfile(profile);
    if (fault != '') return this.failAt(profile, fault);
    return this.rolesOf(profile, keys);
  }

  private failAt(profile: Profile, fault: string): Provider | null {
    return this.fail('AWS profile ' + quoted(profile.name) + ': ' + fault);
  }

  private profileKeys(profile: Profile): Provider | null {
    const keyId = profile.get(ACCESS_KEY_ID);
    const secret = profile.get(SECRET_ACCESS_KEY);
    if (keyId == '' && secret == '') return null;
    if (keyId == '' || secret == '') {
      const missing = keyId == '' ? ACCESS_KEY_ID : SECRET_ACCESS_KEY;
      return this.failAt(profile, missing + ' is missing beside the other half of the keys');
    }
    const origin = 'profile ' + quoted(profile.name) + ' in ' + profile.keysFile;
    return new StaticKeys(origin, keyId, secret, profile.get(SESSION_TOKEN));
  }

  private rolesOf(profile: Profile, keys: Provider | null): Provider | null {
    const role = profile.get('role_arn');
    const tokenFile = profile.get('web_identity_token_file');
    let base: Provider | null = null;
    if (profile.get('source_profile') != '') base = this.sourceOf(profile);
    else if (keys) base = keys;
    else if (profile.get('credential_source') != '') base = this.credentialSource(profile);
    else if (tokenFile != '') {
      const origin = 'role ' + shown(role) + ' by the web identity token of profile ' + quoted(profile.name);
      return new WebIdentity(origin, this.settings, role, profile.get('role_session_name'), tokenFile);
    } else {
      const fault = unsupportedIn(profile);
      if (fault != '') return this.failAt(profile, fault);
    }
    if (!base || role == '') {
      if (!base && role != '' && this.problem == '') {
        return this.failAt(
          profile,
          'role_arn needs source_profile, credential_source or web_identity_token_file',
        );
      }
      return base;
    }
    return this.assumed(profile, base);
  }

  private assumed(profile: Profile, base: Provider): Provider | null {
    const role = profile.get('role_arn');
    if (profile.get('mfa_serial') != '') {
      return this.failAt(profile, 'mfa_serial asks for a person with a device; take a role without it');
    }
    const origin = 'role ' + shown(role) + ' of profile ' + quoted(profile.name) + ', by ' + base.origin;
    const session = profile.get('role_session_name');
    const provider = new AssumeRole(origin, this.settings, role, session, base);
    provider.externalId = profile.get('external_id');
    const duration = profile.get('duration_seconds');
    if (duration != '') provider.duration = secondsOf(duration);
    if (provider.duration >= 0) return provider;
    return this.failAt(profile, 'duration_seconds must be a whole number from 900 to 43200');
  }

  private sourceOf(profile: Profile): Provider | null {
    const name = profile.get('source_profile');
    const source = this.files.profile(name);
    if (!source) {
      return this.failAt(profile, 'its source_profile ' + quoted(name) + ' is not in ' + this.files.state);
    }
    const provider = this.profileProvider(source);
    if (provider || this.problem != '') return provider;
    return this.failAt(profile, 'its source_profile ' + quoted(name) + ' has no credentials');
  }

  private credentialSource(profile: Profile): Provider | null {
    const source = profile.get('credential_source');
    let provider: Provider | null = null;
    let missing = '';
    if (source == 'Environment') {
      provider = environmentKeys(this);
      missing = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set';
    } else if (source == 'EcsContainer') {
      provider = this.container();
      missing = 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set';
    } else if (source == 'Ec2InstanceMetadata') {
      provider = this.instance();
      missing = 'AWS_EC2_METADATA_DISABLED is true';
    } else {
      return this.failAt(
        profile,
        'credential_source must be Environment, EcsContainer or Ec2InstanceMetadata',
      );
    }
    if (provider || this.problem != '') return provider;
    return this.failAt(profile, 'credential_source is ' + source + ', but ' + missing);
  }
}

/** Keys in the environment; null without a problem: none of them is set. */
function environmentKeys(resolver: Resolver): Provider | null {
  const keyId = eitherOf('AWS_ACCESS_KEY_ID', 'AWS_ACCESS_KEY');
  const secret = eitherOf('AWS_SECRET_ACCESS_KEY', 'AWS_SECRET_KEY');
  if (keyId != '' && secret != '') {
    const token = environment('AWS_SESSION_TOKEN');
    return new StaticKeys('the environment (AWS_ACCESS_KEY_ID)', keyId, secret, token);
  }
  if (keyId != '') resolver.problem = 'AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not';
  else if (secret != '') resolver.problem = 'AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not';
  return null;
}

function eitherOf(name: string, old: string): string {
  const value = environment(name);
  return value != '' ? value : environment(old);
}

/** What of a profile contradicts itself, or an empty string. */
function faultOfProfile(profile: Profile): string {
  const given: string[] = [];
  const kinds = ['source_profile', 'credential_source', 'credential_process', 'web_identity_token_file'];
  for (let i = 0; i < kinds.length; i++) if (profile.get(kinds[i]) != '') given.push(kinds[i]);
  if (given.length > 1) return 'only one of ' + given.join(', ') + ' may be set';
  if (given.length == 0 || given[0] == 'credential_process' || profile.get('role_arn') != '') return '';
  return given[0] + ' needs role_arn';
}

/** What of a profile would give credentials, but is not supported; empty: nothing. */
function unsupportedIn(profile: Profile): string {
  const keys = [
    'sso_session',
    'sso_account_id',
    'sso_role_name',
    'sso_start_url',
    'sso_region',
    'login_session',
    'credential_process',
  ];
  for (let i = 0; i < keys.length; i++) {
    if (profile.get(keys[i]) == '') continue;
    const why = keys[i] == 'credential_process' ? 'starts a program' : 'asks for a person who logs in';
    return keys[i] + ' ' + why + ', which is not supported; use a role (docs/eks.md)';
  }
  return '';
}

/** What is wrong with the URL that gives a container its credentials, or an empty string. */
function faultOfContainerUrl(url: string): string {
  const query = url.indexOf('?');
  const fault = faultOfUrl(query < 0 ? url : url.substring(0, query));
  if (fault != '' || url.startsWith('https://')) return fault;
  const host = hostOf(url);
  if (isLoopback(host) || PLAIN_HOSTS.includes(host)) return '';
  return (
    ' names host ' +
    quoted(host) +
    ' by http://, which may only be loopback, ' +
    PLAIN_HOSTS.join(' or ') +
    '; others need https://'
  );
}

/** A duration of a session, or -1. */
function secondsOf(text: string): i32 {
  if (text.length > 5) return -1;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x30 || text.charCodeAt(i) > 0x39) return -1;
  const seconds = I32.parseInt(text, 10);
  return seconds >= 900 && seconds <= 43200 ? seconds : -1;
}

function shown(text: string): string {
  return printable(text, MAX_SHOWN);
}

function quoted(text: string): string {
  return '"' + shown(text) + '"';
}
