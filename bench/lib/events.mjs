// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Audit events as the API server of a cluster writes them, made up: the same seed gives the same events.
import { Random } from '../../scripts/lib/random.mjs';

/** @typedef {Record<string, unknown>} Members */

/**
 * Who asks.
 *
 * @typedef {object} Actor
 * @property {Members} user
 * @property {string} agent
 * @property {string} address
 */

/**
 * What is asked of the API.
 *
 * @typedef {object} Request
 * @property {string} verb
 * @property {Actor} actor
 * @property {Members} [target] the objectRef
 * @property {string} uri
 * @property {number} [code] of the answer
 * @property {string} [level]
 * @property {Members} [request] body
 * @property {Members} [response] body
 * @property {string} [reason] why it was allowed
 */

const NAMESPACES = [
  'shop',
  'payments',
  'monitoring',
  'kube-system',
  'default',
  'ci',
  'ingress-nginx',
  'search',
];
const APPS = [
  'storefront',
  'checkout',
  'ledger',
  'prometheus',
  'grafana',
  'runner',
  'indexer',
  'mailer',
  'redis',
];
const ZONES = ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'];
const HEX = '0123456789abcdef';
const SUFFIX = 'bcdfghjklmnpqrstvwxz2456789';
const START = Date.UTC(2025, 2, 18, 2, 0, 0);

/** Makes events one after the other; each is a little later than the one before. */
export class EventMaker {
  #random;
  #milliseconds = 0;

  /** @param {number} seed */
  constructor(seed) {
    this.#random = new Random(seed);
  }

  get random() {
    return this.#random;
  }

  /** @param {number} count @param {string} alphabet */
  letters(count, alphabet = HEX) {
    let text = '';
    for (let i = 0; i < count; i++) text += alphabet[this.#random.below(alphabet.length)];
    return text;
  }

  uid() {
    return [8, 4, 4, 4, 12].map((count) => this.letters(count)).join('-');
  }

  node() {
    return `worker-${this.#random.below(40)}.${this.#random.pick(ZONES)}.compute.internal`;
  }

  /** A time as kube-apiserver writes it. @param {number} later milliseconds */
  #time(later) {
    const text = new Date(START + this.#milliseconds + later).toISOString();
    return `${text.slice(0, -1)}${String(this.#random.below(1000)).padStart(3, '0')}Z`;
  }

  #seconds() {
    return `${new Date(START + this.#milliseconds).toISOString().slice(0, 19)}Z`;
  }

  #address() {
    return `10.${this.#random.below(256)}.${this.#random.below(256)}.${1 + this.#random.below(254)}`;
  }

  /** A pod with a service account's token. @returns {Actor} */
  serviceAccount() {
    const [namespace, app] = [this.#random.pick(NAMESPACES), this.#random.pick(APPS)];
    const extra = {
      'authentication.kubernetes.io/credential-id': [`JTI=${this.uid()}`],
      'authentication.kubernetes.io/node-name': [this.node()],
      'authentication.kubernetes.io/node-uid': [this.uid()],
      'authentication.kubernetes.io/pod-name': [`${app}-${this.letters(9)}-${this.letters(5, SUFFIX)}`],
      'authentication.kubernetes.io/pod-uid': [this.uid()],
    };
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
    return {
      user: { username: `system:serviceaccount:${namespace}:${app}`, uid: this.uid(), groups, extra },
      agent: `${app}/v1.${this.#random.below(30)}.${this.#random.below(9)} (linux/amd64) kubernetes/$Format`,
      address: this.#address(),
    };
  }

  /** @returns {Actor} */
  kubelet() {
    const extra = { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${this.letters(64)}`] };
    const groups = ['system:nodes', 'system:authenticated'];
    return {
      user: { username: `system:node:${this.node()}`, groups, extra },
      agent: 'kubelet/v1.31.4 (linux/amd64) kubernetes/a78aa47',
      address: this.#address(),
    };
  }

  /** A part of the control plane. @returns {Actor} */
  controller() {
    const name = this.#random.pick(['kube-controller-manager', 'kube-scheduler', 'apiserver']);
    return {
      user: { username: `system:${name}`, groups: ['system:authenticated'] },
      agent: `${name}/v1.31.4 (linux/amd64) kubernetes/a78aa47/leader-election`,
      address: '10.20.0.2',
    };
  }

  /** @returns {Actor} */
  person() {
    const name = this.#random.pick(['jane', 'omar', 'li', 'petra', 'samuel']);
    const groups = ['oidc:developers', 'oidc:on-call', 'system:authenticated'];
    return {
      user: { username: `oidc:${name}@example.com`, groups },
      agent: 'kubectl/v1.30.4 (linux/amd64) kubernetes/a51b3b7',
      address: this.#address(),
    };
  }

  /** An object of a namespace: its reference and its path. @param {string} resource @param {string} [group] */
  object(resource, group) {
    const [namespace, app] = [this.#random.pick(NAMESPACES), this.#random.pick(APPS)];
    const name = `${app}-${this.letters(9)}-${this.letters(5, SUFFIX)}`;
    const api = group === undefined ? '/api/v1' : `/apis/${group}/v1`;
    const target = {
      resource,
      namespace,
      name,
      ...(group === undefined ? {} : { apiGroup: group }),
      apiVersion: 'v1',
    };
    return { namespace, app, name, target, folder: `${api}/namespaces/${namespace}/${resource}` };
  }

  /** The event of a request. @param {Request} request @returns {Members} */
  event({ verb, actor, target, uri, code = 200, level = 'Metadata', request, response, reason = '' }) {
    this.#milliseconds += 1 + this.#random.below(20);
    const isRefused = code === 403;
    const status = isRefused ? { status: 'Failure', message: `forbidden: ${uri}`, reason: 'Forbidden' } : {};
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: this.uid(),
      stage: 'ResponseComplete',
      requestURI: uri,
      verb,
      user: actor.user,
      sourceIPs: [actor.address],
      userAgent: actor.agent,
      ...(target === undefined ? {} : { objectRef: target }),
      responseStatus: { metadata: {}, ...status, code },
      ...(request === undefined ? {} : { requestObject: request }),
      ...(response === undefined ? {} : { responseObject: response }),
      requestReceivedTimestamp: this.#time(0),
      stageTimestamp: this.#time(7),
      annotations: {
        'authorization.k8s.io/decision': isRefused ? 'forbid' : 'allow',
        'authorization.k8s.io/reason': reason,
      },
    };
  }

  /** As RBAC gives it. @param {Actor} actor @param {string} app */
  reason(actor, app) {
    const name = String(actor.user['username']).split(':').pop();
    return `RBAC: allowed by ClusterRoleBinding "${app}-reader" of ClusterRole "${app}-reader" to ServiceAccount "${name}"`;
  }

  /** The metadata of an object that is stored. @param {string} name @param {string} namespace @param {string} app */
  metadata(name, namespace, app) {
    return {
      name,
      namespace,
      uid: this.uid(),
      resourceVersion: String(10_000_000 + this.#random.below(90_000_000)),
      creationTimestamp: this.#seconds(),
      labels: {
        'app.kubernetes.io/name': app,
        'app.kubernetes.io/instance': `${app}-${namespace}`,
        'pod-template-hash': this.letters(9),
      },
    };
  }

  /** @param {string} app @param {number} index of the container */
  container(app, index) {
    return {
      name: index === 0 ? app : `${app}-sidecar-${index}`,
      image: `registry.example.com:5000/${app}/${app}:v2.${this.#random.below(40)}.${this.#random.below(9)}`,
      ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
      env: [
        { name: 'LOG_LEVEL', value: 'info' },
        { name: 'POD_IP', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' } } },
      ],
      resources: { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
      volumeMounts: [
        { name: 'config', readOnly: true, mountPath: `/etc/${app}` },
        {
          name: `kube-api-access-${this.letters(5, SUFFIX)}`,
          readOnly: true,
          mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
        },
      ],
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      imagePullPolicy: 'IfNotPresent',
      securityContext: {
        capabilities: { drop: ['ALL'] },
        privileged: this.#random.below(20) === 0,
        runAsUser: 1000 + this.#random.below(100),
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
      },
    };
  }

  /** @param {string} app @param {number} containers */
  podSpec(app, containers) {
    return {
      volumes: [
        { name: 'config', configMap: { name: `${app}-config`, defaultMode: 420 } },
        { name: 'scratch', emptyDir: {} },
      ],
      containers: Array.from({ length: containers }, (_, i) => this.container(app, i)),
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: app,
      serviceAccount: app,
      securityContext: { fsGroup: 2000 },
      schedulerName: 'default-scheduler',
      enableServiceLinks: true,
    };
  }

  /** A pod is created at level RequestResponse: about 4 KB. @param {number} [containers] */
  podCreated(containers = 1) {
    const { namespace, app, name, target, folder } = this.object('pods');
    const actor = this.#random.below(4) === 0 ? this.person() : this.controller();
    const metadata = this.metadata(name, namespace, app);
    const spec = this.podSpec(app, containers);
    const head = { kind: 'Pod', apiVersion: 'v1' };
    return this.event({
      verb: 'create',
      actor,
      target,
      uri: folder,
      code: 201,
      level: 'RequestResponse',
      request: {
        ...head,
        metadata: { ...metadata, resourceVersion: undefined, uid: undefined },
        spec,
        status: {},
      },
      response: { ...head, metadata, spec, status: { phase: 'Pending', qosClass: 'Burstable' } },
      reason: '',
    });
  }

  /** A pod reads something: about 1.3 KB at level Metadata. */
  read() {
    const actor = this.serviceAccount();
    const resource = this.#random.pick(['pods', 'configmaps', 'secrets', 'services', 'endpoints']);
    const { app, name, target, folder } = this.object(resource);
    const verb = this.#random.pick(['get', 'get', 'list', 'watch']);
    const version = this.#random.below(90_000_000);
    const query =
      verb === 'watch'
        ? `?allowWatchBookmarks=true&resourceVersion=${version}&timeout=7m11s&timeoutSeconds=431&watch=true`
        : '?limit=500&resourceVersion=0';
    const all = { ...target, name: undefined };
    return this.event({
      verb,
      actor,
      target: verb === 'get' ? target : all,
      uri: verb === 'get' ? `${folder}/${name}` : `${folder}${query}`,
      code: this.#random.below(12) === 0 ? 404 : 200,
      reason: this.reason(actor, app),
    });
  }

  /** A node or a leader says that it is alive. */
  lease() {
    const actor = this.#random.below(4) === 0 ? this.controller() : this.kubelet();
    const name = String(actor.user['username']).replace(/^system:(node:)?/, '');
    const namespace = 'kube-node-lease';
    return this.event({
      verb: 'update',
      actor,
      target: {
        resource: 'leases',
        namespace,
        name,
        uid: this.uid(),
        apiGroup: 'coordination.k8s.io',
        apiVersion: 'v1',
        resourceVersion: String(this.#random.below(90_000_000)),
      },
      uri: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}?timeout=10s`,
    });
  }

  /** A token is examined. */
  tokenReview() {
    const reviewed = this.serviceAccount();
    return this.event({
      verb: 'create',
      actor: this.kubelet(),
      target: { resource: 'tokenreviews', apiGroup: 'authentication.k8s.io', apiVersion: 'v1' },
      uri: '/apis/authentication.k8s.io/v1/tokenreviews',
      code: 201,
      level: 'RequestResponse',
      request: {
        kind: 'TokenReview',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { creationTimestamp: null },
        spec: { audiences: ['https://kubernetes.default.svc.cluster.local'] },
        status: { user: {} },
      },
      response: {
        kind: 'TokenReview',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { creationTimestamp: null },
        spec: { audiences: ['https://kubernetes.default.svc.cluster.local'] },
        status: { authenticated: true, user: reviewed.user },
      },
    });
  }

  /** A kubelet reports how a pod does. */
  podStatus() {
    const { app, name, target, folder } = this.object('pods');
    const conditions = [
      'PodReadyToStartContainers',
      'Initialized',
      'Ready',
      'ContainersReady',
      'PodScheduled',
    ];
    return this.event({
      verb: 'patch',
      actor: this.kubelet(),
      target: { ...target, subresource: 'status' },
      uri: `${folder}/${name}/status`,
      level: 'Request',
      request: {
        metadata: { uid: this.uid() },
        status: {
          $setElementOrder: { conditions: conditions.map((type) => ({ type })) },
          conditions: conditions.map((type) => ({
            lastProbeTime: null,
            lastTransitionTime: this.#seconds(),
            status: 'True',
            type,
          })),
          containerStatuses: [
            {
              containerID: `containerd://${this.letters(64)}`,
              image: `registry.example.com:5000/${app}/${app}:v2.4.1`,
              imageID: `registry.example.com:5000/${app}/${app}@sha256:${this.letters(64)}`,
              lastState: {},
              name: app,
              ready: true,
              restartCount: this.#random.below(5),
              started: true,
              state: { running: { startedAt: this.#seconds() } },
            },
          ],
          phase: 'Running',
          podIP: this.#address(),
        },
      },
    });
  }

  /** A map of settings is replaced. */
  configMapUpdated() {
    const { namespace, app, name, target, folder } = this.object('configmaps');
    const actor = this.serviceAccount();
    const data = {
      'application.yaml': `server:\n  port: 8080\n  name: "${app}"\nlog:\n  level: info\n  format: 'json'\n`,
      'feature-flags.json': `{"dark":${this.#random.below(2) === 0},"beta":["a","b"],"seed":"${this.letters(24)}"}`,
    };
    const body = { kind: 'ConfigMap', apiVersion: 'v1', metadata: this.metadata(name, namespace, app), data };
    return this.event({
      verb: 'update',
      actor,
      target,
      uri: `${folder}/${name}`,
      level: 'RequestResponse',
      request: body,
      response: body,
      reason: this.reason(actor, app),
    });
  }

  /** A deployment is changed. */
  deploymentPatched() {
    const { namespace, app, name, target, folder } = this.object('deployments', 'apps');
    const metadata = this.metadata(name, namespace, app);
    const spec = {
      replicas: 1 + this.#random.below(9),
      selector: { matchLabels: { 'app.kubernetes.io/name': app } },
      template: { metadata: { labels: metadata.labels }, spec: this.podSpec(app, 1) },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      revisionHistoryLimit: 10,
    };
    return this.event({
      verb: 'patch',
      actor: this.person(),
      target,
      uri: `${folder}/${name}?fieldManager=kubectl-set`,
      level: 'RequestResponse',
      request: { spec: { template: { spec: { containers: [{ name: app, image: `${app}:v2.5.0` }] } } } },
      response: {
        kind: 'Deployment',
        apiVersion: 'apps/v1',
        metadata,
        spec,
        status: { observedGeneration: 4 },
      },
    });
  }

  /** Rights are handed out. */
  roleCreated() {
    const { namespace, app, name, target, folder } = this.object('roles', 'rbac.authorization.k8s.io');
    const body = {
      kind: 'Role',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: this.metadata(name, namespace, app),
      rules: [
        { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods', 'services', 'endpoints'] },
        { verbs: ['create', 'update'], apiGroups: ['coordination.k8s.io'], resources: ['leases'] },
      ],
    };
    return this.event({
      verb: 'create',
      actor: this.person(),
      target,
      uri: folder,
      code: 201,
      level: 'RequestResponse',
      request: body,
      response: body,
    });
  }

  /** Somebody opens a shell in a pod. */
  exec() {
    const { app, name, target, folder } = this.object('pods');
    return this.event({
      verb: 'get',
      actor: this.person(),
      target: { ...target, subresource: 'exec' },
      uri: `${folder}/${name}/exec?command=sh&command=-c&command=id&container=${app}&stdin=true&stdout=true&tty=true`,
      code: 101,
    });
  }

  /** Somebody may not. */
  refused() {
    const { name, target, folder } = this.object('secrets');
    return this.event({
      verb: 'get',
      actor: this.serviceAccount(),
      target,
      uri: `${folder}/${name}`,
      code: 403,
    });
  }

  /** A probe without an object. */
  probe() {
    const user = { username: 'system:anonymous', groups: ['system:unauthenticated'] };
    const actor = { user, agent: 'kube-probe/1.31', address: this.#address() };
    return this.event({ verb: 'get', actor, uri: this.#random.pick(['/livez', '/readyz']) });
  }

  /** An event without a body: about 1.3 KB on average. */
  metadataOnly() {
    return this.#random.below(4) === 0 ? this.lease() : this.read();
  }

  /** An event of a cluster's usual mix: about 1.9 KB on average. */
  mixed() {
    let at = this.#random.below(MIX.reduce((sum, { parts }) => sum + parts, 0));
    const { make } = MIX.find(({ parts }) => (at -= parts) < 0) ?? MIX[0];
    return make(this);
  }

  /**
   * A list of pods is answered at level RequestResponse: an event that is exactly as long as wanted.
   *
   * @param {number} bytes 1024 at least
   * @returns {string} JSON
   */
  listOfSize(bytes) {
    const { namespace, app, target, folder } = this.object('pods');
    const all = { ...target, name: undefined };
    /** @type {Members[]} */
    const items = [];
    /** @type {Record<string, string>} */
    const annotations = {};
    const response = { kind: 'PodList', apiVersion: 'v1', metadata: { annotations, continue: '' }, items };
    const request = {
      verb: 'list',
      actor: this.person(),
      target: all,
      uri: folder,
      level: 'RequestResponse',
    };
    const event = this.event({ ...request, response });
    let room = bytes - JSON.stringify(event).length;
    if (room < 0)
      throw new RangeError(`an event of ${bytes} bytes is too small: it has ${bytes - room} at least`);
    for (;;) {
      const name = `${app}-${this.letters(9)}-${this.letters(5, SUFFIX)}`;
      const metadata = this.metadata(name, namespace, app);
      const item = {
        metadata,
        spec: this.podSpec(app, 1),
        status: { phase: 'Running', podIP: this.#address() },
      };
      const length = JSON.stringify(item).length + (items.length === 0 ? 0 : 1);
      if (length > room) break;
      items.push(item);
      room -= length;
    }
    // What no pod fits into is filled with short texts, so that small events are not one long one.
    for (; room > 80; room -= 64) annotations[`example.com/${this.letters(12)}`] = this.letters(34);
    const filled = JSON.stringify(event).length;
    response.metadata.continue = this.letters(bytes - filled);
    return JSON.stringify(event);
  }
}

/** How often each kind comes, of a hundred. @type {{ parts: number, make: (maker: EventMaker) => Members }[]} */
const MIX = [
  { parts: 22, make: (maker) => maker.lease() },
  { parts: 32, make: (maker) => maker.read() },
  { parts: 5, make: (maker) => maker.tokenReview() },
  { parts: 12, make: (maker) => maker.podStatus() },
  { parts: 10, make: (maker) => maker.podCreated() },
  { parts: 5, make: (maker) => maker.configMapUpdated() },
  { parts: 5, make: (maker) => maker.deploymentPatched() },
  { parts: 2, make: (maker) => maker.roleCreated() },
  { parts: 1, make: (maker) => maker.exec() },
  { parts: 3, make: (maker) => maker.refused() },
  { parts: 3, make: (maker) => maker.probe() },
];
