// SPDX-License-Identifier: Apache-2.0
// The objects of S3 that a queue of SQS tells of (`sqs://QUEUE-URL`). A message is deleted when Falco has the events of
// its objects. Any number of replicas may share a queue.
import { Batch } from '../audit/batch';
import { S3, objectName } from '../cloud/aws/s3';
import { Sqs } from '../cloud/aws/sqs';
import { Config } from '../config/config';
import { VISIBILITY_TIMEOUT } from '../config/schema';
import { Counter, counters } from '../counters';
import { Reason, Severity, log, logLimited, mayLog } from '../log';
import { survivor } from '../survivor';
import { CloudSource } from './cloud_source';
import { ClusterNames } from './objects/cluster_names';
import { Fate, ObjectReader } from './objects/object_reader';
import { Settled, keepPlace, settle, settledHow, takePlace } from './objects/settled';
import { NewObject, Notification } from './sqs_notification';
import { Message, SqsQueue } from './sqs_queue';

export class SqsSource extends CloudSource {
  private clusters: ClusterNames;
  private reader: ObjectReader;
  private queue: SqsQueue;
  private notification: Notification = new Notification();
  /** The object is done, and its last events are in the batch. */
  private isFinished: bool = false;
  private how: Settled = Settled.Unknown;

  constructor(
    s3: S3,
    private sqs: Sqs,
    cluster: string,
    config: Config,
  ) {
    super();
    const clusters = new ClusterNames(cluster);
    this.clusters = clusters;
    this.reader = new ObjectReader(s3, clusters, config);
    this.queue = new SqsQueue(sqs, i32(config.integer(VISIBILITY_TIMEOUT)));
    if (survivor.open != 0) keepPlace();
    else log(Severity.Info, 'taking notifications of new objects from ' + sqs.queueUrl);
  }

  protected work(batch: Batch): void {
    this.queue.turn();
    while (!batch.isFull() && this.step(batch));
  }

  /** Does the next thing; false when there is nothing to do now. */
  private step(batch: Batch): bool {
    if (this.reader.isActive) return this.readObject(batch);
    if (this.queue.waiting.length == 0) return this.queue.receive() && this.takeMessages();
    return this.goOnWithMessage();
  }

  /** Looks into the messages that have come. */
  private takeMessages(): bool {
    const messages = this.queue.waiting;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i];
      if (this.notification.read(message.body)) message.objects = this.notification.objects;
      else this.leave(message, 'a message of ' + this.sqs.queueUrl, 'it is no notification of S3');
    }
    return true;
  }

  /** Begins the next object of the first message, or is done with the message. */
  private goOnWithMessage(): bool {
    const message = this.queue.waiting[0];
    const isElsewhere = message.isLost && message.next == 0;
    if (message.next == message.objects.length || isElsewhere) {
      message.isLeft = message.isLeft || isElsewhere;
      this.queue.finishFirst();
      return true;
    }
    if (this.queue.isBehind) return false;
    const object = message.objects[message.next];
    const known = settledHow(object.identity);
    if (known == Settled.Unknown) {
      this.reader.begin(object.identity, object.bucket, object.key, takePlace(object.identity));
    } else {
      // It came again: what there is to be had of it was delivered.
      if (known == Settled.Damaged) message.isLeft = true;
      message.next++;
    }
    return true;
  }

  private readObject(batch: Batch): bool {
    const message = this.queue.waiting[0];
    const object = message.objects[message.next];
    switch (this.reader.fill(batch)) {
      case Fate.Done:
        counters.add(Counter.ObjectsRead, 1);
        this.finish(batch, Settled.Read);
        return true;
      case Fate.Damaged:
        this.leaveFor(message, object, this.reader.problem + '; what is good in it was read');
        this.finish(batch, Settled.Damaged);
        return true;
      case Fate.Trouble:
        this.leaveFor(message, object, this.reader.stream.problem);
        this.finish(batch, Settled.Unknown);
        return true;
      default:
        return false;
    }
  }

  private leaveFor(message: Message, object: NewObject, why: string): void {
    this.leave(message, 'the message of the object ' + objectName(object.bucket, object.key), why);
  }

  /** Does not delete a message: it comes again, and goes to the dead-letter queue when that has happened too often. */
  private leave(message: Message, what: string, why: string): void {
    message.isLeft = true;
    counters.add(Counter.ObjectsSetAside, 1);
    counters.add(Counter.SourceErrors, 1);
    if (!mayLog(Reason.Object)) return;
    logLimited(Reason.Object, Severity.Error, what + ' is left for the dead-letter queue: ' + why);
  }

  /** The object is done with. What the batch holds of it is handed over before another is begun. */
  private finish(batch: Batch, how: Settled): void {
    this.reader.abandon();
    this.isFinished = true;
    this.how = how;
    if (batch.count > 0) batch.end();
    else this.note();
  }

  /** Notes what is done: for the time after a trap, and when its message comes again. */
  private note(): void {
    if (this.isFinished) {
      this.isFinished = false;
      const message = this.queue.waiting[0];
      const identity = message.objects[message.next++].identity;
      if (this.how != Settled.Unknown) settle(identity, this.how);
      survivor.first = 0;
    }
    this.reader.note();
  }

  handOver(): void {
    this.note();
  }

  ack(): void {}

  close(): void {
    this.queue.close();
    this.reader.free();
    this.clusters.free();
    this.notification.free();
  }
}
