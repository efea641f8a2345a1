// SPDX-License-Identifier: Apache-2.0
// The root @pod: the spec of the pod that a request brings, or of the template for pods in a workload.
import { Document } from '../json/document';
import { ROOT, keys } from '../json/keys';
import { Name } from '../json/name';
import { Node } from '../json/tape';
import './object';
import { Field, Question } from './field';
import { Path, addRoot } from './path';
import { isAbout, isWhole, resource } from './target';
import { addCopy } from './values';

/** Something that pods are made of. */
class Workload {
  readonly resource: Name;
  readonly kind: Name;
  private spec: Path;

  constructor(resource: string, kind: string, spec: string) {
    this.resource = new Name(resource);
    this.kind = new Name(kind);
    this.spec = new Path('@object.' + spec);
  }

  /** The spec of its pods, in the object of the request. */
  find(): Node | null {
    return this.spec.find();
  }
}

const TEMPLATE = 'spec.template.spec';
const EPHEMERAL_CONTAINERS = new Name('ephemeralcontainers');
const KIND = new Path('@object.kind');

const workloads: Workload[] = [
  new Workload('pods', 'Pod', 'spec'),
  new Workload('deployments', 'Deployment', TEMPLATE),
  new Workload('replicasets', 'ReplicaSet', TEMPLATE),
  new Workload('statefulsets', 'StatefulSet', TEMPLATE),
  new Workload('daemonsets', 'DaemonSet', TEMPLATE),
  new Workload('jobs', 'Job', TEMPLATE),
  new Workload('cronjobs', 'CronJob', 'spec.jobTemplate.spec.template.spec'),
  new Workload('replicationcontrollers', 'ReplicationController', TEMPLATE),
  new Workload('podtemplates', 'PodTemplate', 'template.spec'),
  // Of Argo.
  new Workload('rollouts', 'Rollout', TEMPLATE),
];

/** The workload that findPod has found, in this event. */
let found: Workload | null = null;

addRoot('@pod', findPod, placeOfTemplates());

/**
 * All templates for pods have one place: an oversized event keeps of each what fields read of one. In a pod itself, the
 * fields of pods read the same.
 */
function placeOfTemplates(): i32 {
  const spec = new Name('spec');
  const template = new Name('template');
  const templates = keys.place();
  const object = keys.add(ROOT, new Name('requestObject'));
  const inObject = keys.add(object, spec);
  const inJobs = keys.add(keys.add(inObject, new Name('jobTemplate')), spec);
  keys.link(keys.add(object, template), spec, templates);
  keys.link(keys.add(inObject, template), spec, templates);
  keys.link(keys.add(inJobs, template), spec, templates);
  return templates;
}

function findPod(): Node | null {
  const it = workload();
  found = it;
  return it ? it.find() : null;
}

/** What the request is about, by its resource; where that is not told, by the kind of the object. */
function workload(): Workload | null {
  // Of the subresources, none else changes a pod's spec: a new status comes with the old one.
  const pods = workloads[0];
  if (!isWhole()) return isAbout(pods.resource, EPHEMERAL_CONTAINERS) ? pods : null;
  const name = resource();
  if (name) {
    for (let i = 0; i < workloads.length; i++) {
      if (workloads[i].resource.is(Document.text, name)) return workloads[i];
    }
    return null;
  }
  const kind = KIND.find();
  for (let i = 0; kind && i < workloads.length; i++) {
    if (workloads[i].kind.is(Document.text, kind)) return workloads[i];
  }
  return null;
}

/** The kind of the workload at the path. */
export function readWorkloadKind(field: Field, question: Question): void {
  const kind = found!.kind;
  addCopy(kind.address, kind.length);
}
