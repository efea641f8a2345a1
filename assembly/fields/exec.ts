// SPDX-License-Identifier: Apache-2.0
// Readers for the query of pods/exec, pods/attach and pods/portforward.
import { Name } from '../json/name';
import { Field, Question } from './field';
import { isAbout } from './target';
import { addNumbers, addParameter, addParameters, isOn } from './uri';
import { addFlag } from './values';

const PODS = new Name('pods');
const EXEC = new Name('exec');
const ATTACH = new Name('attach');
const PORT_FORWARD = new Name('portforward');
const COMMAND = new Name('command');
const CONTAINER = new Name('container');
const PORTS = new Name('ports');
const INPUT = new Name('stdin');
const TERMINAL = new Name('tty');

/** The words of the command, joined by spaces: as it is typed, but for the quotes. */
export function readExecCommand(field: Field, question: Question): void {
  if (isAbout(PODS, EXEC)) addParameters(field.path.find(), COMMAND.address, COMMAND.length);
}

export function readExecContainer(field: Field, question: Question): void {
  if (!isAbout(PODS, EXEC) && !isAbout(PODS, ATTACH)) return;
  addParameter(field.path.find(), CONTAINER.address, CONTAINER.length);
}

/** Whether the client sends the standard input. */
export function readExecInput(field: Field, question: Question): void {
  readSwitch(field, INPUT);
}

export function readExecTerminal(field: Field, question: Question): void {
  readSwitch(field, TERMINAL);
}

function readSwitch(field: Field, name: Name): void {
  const uri = field.path.find();
  if (uri && (isAbout(PODS, EXEC) || isAbout(PODS, ATTACH))) addFlag(isOn(uri, name.address, name.length));
}

/** The ports of all parameters; one may have several, with commas between them. */
export function readForwardedPorts(field: Field, question: Question): void {
  if (isAbout(PODS, PORT_FORWARD)) addNumbers(field.path.find(), PORTS.address, PORTS.length);
}
