// SPDX-License-Identifier: Apache-2.0
// The rows of the catalogue for pods, and, in the same words, for whatever pods are made of.
import './object';
import { Field, keyed, list, listOf, single, text } from './field';
import { reads } from './path';
import {
  readEffectiveGroup,
  readEffectiveUser,
  readHostPathMatch,
  readHostPorts,
  readJoined,
  readRepository,
  readServiceAccount,
  readVolumeTypes,
} from './pod';
import { PodPlace } from './pod_place';
import { readWorkloadKind } from './workload';

const ALL = '(containers|initContainers|ephemeralContainers)';

/** The fields of a pod that the request brings. */
export function podFields(): Field[] {
  const place = new PodPlace('@object.spec');
  return rows('ka.req.pod.', 'ka.req.volume.hostpath', place);
}

/** The same of a pod or of the template for pods in a workload; and of its containers of all kinds. */
export function workloadFields(): Field[] {
  const place = new PodPlace('@pod');
  const name = 'ka.req.workload.';
  const fields: Field[] = [
    single(
      name + 'kind',
      '@pod',
      readWorkloadKind,
      'Kind of the object whose pod, or template for pods, the request brings: Pod, Deployment …',
    ),
  ];
  return fields
    .concat(rows(name, name + 'volume.hostpath', place))
    .concat(containers(name + 'all_containers.', place, ALL + '[]', 'containers of all three kinds', true));
}

function rows(name: string, hostPath: string, place: PodPlace): Field[] {
  return podRows(name, hostPath, place)
    .concat(containers(name + 'containers.', place, 'containers[i]', 'containers', true))
    .concat(containers(name + 'initContainers.', place, 'initContainers[i]', 'initContainers', true))
    .concat(
      containers(
        name + 'ephemeralContainers.',
        place,
        'ephemeralContainers[i]',
        'ephemeralContainers',
        false,
      ),
    );
}

function inPod(place: PodPlace, fields: Field[]): Field[] {
  for (let i = 0; i < fields.length; i++) fields[i].pod = place;
  return fields;
}

function podRows(name: string, hostPath: string, place: PodPlace): Field[] {
  const spec = place.spec + '.';
  const context = spec + 'securityContext.';
  reads(spec + 'tolerations[].*');
  return inPod(place, [
    text(name + 'host_ipc', spec + 'hostIPC', "Value of the pod's hostIPC"),
    text(name + 'host_network', spec + 'hostNetwork', "Value of the pod's hostNetwork"),
    text(name + 'host_pid', spec + 'hostPID', "Value of the pod's hostPID"),
    text(name + 'host_users', spec + 'hostUsers', "Value of the pod's hostUsers; false: a user namespace"),
    text(
      name + 'share_process_ns',
      spec + 'shareProcessNamespace',
      'Whether the containers share one process namespace',
    ),
    single(name + 'service_account', place.spec, readServiceAccount, 'Service account of the pod'),
    text(
      name + 'automount_token',
      spec + 'automountServiceAccountToken',
      "Whether the service account's token is mounted, if the pod says so",
    ),
    text(name + 'node_name', spec + 'nodeName', 'Node that the pod is bound to, past the scheduler'),
    text(name + 'runtime_class', spec + 'runtimeClassName', 'Runtime class of the pod'),
    list(name + 'tolerations', spec + 'tolerations[]', 'Taints that the pod tolerates, each as JSON'),
    text(
      name + 'seccomp',
      context + 'seccompProfile.type',
      "Type of the pod's own seccomp profile; containers may have others",
    ),
    text(
      name + 'apparmor',
      context + 'appArmorProfile.type',
      "Type of the pod's own AppArmor profile; containers may have others",
    ),
    text(name + 'run_as_user', context + 'runAsUser', 'User id of the pod'),
    text(name + 'run_as_group', context + 'runAsGroup', 'Group id of the pod'),
    text(name + 'fs_group', context + 'fsGroup', 'Group id that owns the volumes'),
    list(name + 'supplemental_groups', context + 'supplementalGroups[]', 'Supplemental group ids of the pod'),
    list(name + 'volumes.hostpath', spec + 'volumes[i].hostPath.path', 'Host paths that the pod mounts'),
    keyed(
      hostPath,
      spec + 'volumes[].hostPath.path',
      readHostPathMatch,
      'Whether the pod mounts the host path in the brackets; a * at its end stands for anything',
    ),
    list(
      name + 'volumes.flexvolume_driver',
      spec + 'volumes[i].flexVolume.driver',
      'Drivers of the flex volumes',
    ),
    listOf(name + 'volumes.volume_type', spec + 'volumes[i]', readVolumeTypes, 'Types of the volumes'),
  ]);
}

/** The fields of the containers at `list`, which are called `kind`. */
function containers(name: string, place: PodPlace, path: string, kind: string, havePorts: bool): Field[] {
  const each = place.spec + '.' + path;
  const context = each + '.securityContext.';
  const fields = [
    list(name + 'name', each + '.name', 'Names of the ' + kind),
    list(name + 'image', each + '.image', 'Images of the ' + kind + ', with tag or digest'),
    listOf(
      name + 'image.repository',
      each + '.image',
      readRepository,
      'Image repositories of the ' + kind + ', with the registry, without tag and digest',
    ),
    listOf(
      name + 'command',
      each + '.command',
      readJoined,
      'Command of each of the ' + kind + ', its words joined by spaces',
    ),
    listOf(
      name + 'args',
      each + '.args',
      readJoined,
      'Arguments of each of the ' + kind + ', joined by spaces',
    ),
    list(
      name + 'privileged',
      context + 'privileged',
      'Value of the privileged flag of the ' + kind + ' that set it',
    ),
    list(
      name + 'allow_privilege_escalation',
      context + 'allowPrivilegeEscalation',
      'Value of allowPrivilegeEscalation of the ' + kind + ' that set it',
    ),
    list(
      name + 'read_only_fs',
      context + 'readOnlyRootFilesystem',
      'Value of readOnlyRootFilesystem of the ' + kind + ' that set it',
    ),
    list(name + 'run_as_user', context + 'runAsUser', 'User id that the ' + kind + ' ask for'),
    list(name + 'run_as_group', context + 'runAsGroup', 'Group id that the ' + kind + ' ask for'),
    listOf(
      name + 'eff_run_as_user',
      each,
      readEffectiveUser,
      'User id that each of the ' + kind + ' gets: its own, else the one of the pod, else 0',
    ),
    listOf(
      name + 'eff_run_as_group',
      each,
      readEffectiveGroup,
      'Group id that each of the ' + kind + ' gets: its own, else the one of the pod, else 0',
    ),
    list(name + 'proc_mount', context + 'procMount', 'Type of /proc mount that the ' + kind + ' ask for'),
    list(
      name + 'add_capabilities',
      context + 'capabilities.add[]',
      'Capabilities that the ' + kind + ' add, one entry each',
    ),
  ];
  if (havePorts) {
    reads(each + '.ports[].hostPort');
    reads(each + '.ports[].containerPort');
    fields.push(
      listOf(
        name + 'host_port',
        each + '.ports[]',
        readHostPorts,
        'Ports of the host that the ' +
          kind +
          ' use; all container ports when the pod is on the host network',
      ),
    );
  }
  return inPod(place, fields);
}
