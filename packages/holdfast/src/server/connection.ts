import { encodeBatches } from '../protocol/codec.ts';
import { closeCodes, closeNameOf, type CloseName } from '../protocol/close-codes.ts';
import { writeHot } from '../protocol/hot-records.ts';
import type { Position } from '../protocol/position.ts';
import type { WireRecord } from '../protocol/schema.ts';
import type { Cursor } from '../session/cursor.ts';
import type { WireStart } from '../session/cursors.ts';
import { ServerSession, type Greeting, type ServerHost } from '../session/server-session.ts';
import { addressMark } from './causes/address-mark.ts';
import type { ServerFlight } from './causes/verdict.ts';
import type { EngineSocket, Handshake, SocketHandler } from './engine.ts';
import type { HubTopic, Subscriber } from './hub.ts';
import type { Node } from './node.ts';
import type { Paced } from './resources/intake.ts';
import type { Session } from './sessions.ts';
import type { Participant } from './turn.ts';
import type { Waiting } from './wheel.ts';

const HELD_UNREAD = 1;
const HELD_PACE = 2;
const HELD_GREETING = 4;

/** Changes of the return window below this are not worth their bytes. */
const RETURN_WINDOW_STEP_MS = 50;

/**
 * Drives one server session: tells it what the socket, the clock and the application say, and does what it asks of
 * its host. What is sent collects until the end of the turn and leaves as one WebSocket message.
 */
export class Connection
  implements SocketHandler, ServerHost<HubTopic>, Subscriber, Waiting, Paced, Participant
{
  session: Session | undefined;
  /** Kept until the hello is answered, then let go: it is a fifth of an idle connection's memory. */
  handshake: Handshake | undefined;
  /** Its client's own number for it. */
  number = 0;
  /** The network that it comes from. */
  readonly address: number;
  /** What is known of its end was noted when another took its session over. */
  isNoted = false;
  /** When its resume token was issued. */
  resumeTokenAtMs = 0;
  /** When something must be done about its credential's expiry. */
  credential: { expiresAtMs: number; dueAtMs: number; asked: boolean } | undefined = undefined;
  /** Publishes whose authorization is still awaited, in order. */
  publishing: Promise<void> | undefined = undefined;
  /** Signals whose authorization is awaited. */
  signalling = 0;
  /** Subscriptions that are being opened, ended ones too: they keep `authorize` and the log busy all the same. */
  private opening = 0;
  private isRenewing = false;
  /** Its place in the wheel. */
  bucket = 0;
  previous: Waiting | undefined = undefined;
  next: Waiting | undefined = undefined;
  paidUntilMs = 0;
  /** The return window that its client knows of. */
  returnWindowMs = 0;
  whenClosed: (() => void) | undefined = undefined;
  readonly machine: ServerSession<HubTopic>;
  private pending: WireRecord[] | undefined;
  private lastRun = 0;
  private full = false;
  /** Why it is not read from, as bits. */
  private holds = 0;
  /** Its session was ended by either side, rather than cut off. */
  isDone = false;
  private closedAs: { name: CloseName; text: string; atMs: number } | undefined;
  private readonly openedAtMs: number;
  private lastOutMs: number;
  private readonly socket: EngineSocket;
  private readonly node: Node;

  constructor(node: Node, socket: EngineSocket, handshake: Handshake) {
    this.node = node;
    this.socket = socket;
    this.handshake = handshake;
    this.address = addressMark(handshake, node.options.trustedProxies !== undefined);
    this.openedAtMs = node.clock.nowMs();
    this.lastOutMs = node.nowMs();
    this.machine = new ServerSession(node.sessionConfig, this, this.lastOutMs);
  }

  get isClosed(): boolean {
    return this.machine.isClosed;
  }

  cursors(): Iterable<Cursor<HubTopic>> {
    return this.machine.cursors.all.values();
  }

  // ── From the socket ──────────────────────────────────────────────────────────────────────────────────────

  handleMessage(bytes: Uint8Array): void {
    // Until it is welcomed each message decides whether the next is read (SPEC HELLO-2).
    if (this.machine.isLive) this.node.turn.arrived(this, bytes);
    else this.takeIn(bytes, this.node.clock.nowMs());
  }

  takeIn(bytes: Uint8Array, nowMs: number): void {
    const { recordsIn } = this.machine;
    this.machine.receive(bytes, this.node.nowMs());
    this.node.intake.charge(this, this.machine.recordsIn - recordsIn, bytes.length, nowMs);
    // What a client has to say comes with its hello, in more messages than one when that is much (SPEC HELLO-2).
    if (recordsIn > 0 && this.machine.isGreeting) this.holdFor(HELD_GREETING);
    // A peer that sends but does not read what that causes is held back, not buffered for.
    if (this.socket.bufferedBytes > this.node.limits.socketHighWaterBytes * 4) this.holdFor(HELD_UNREAD);
  }

  /** It sent faster than its pace (SPEC FLOW-8). */
  hold(): void {
    this.holdFor(HELD_PACE);
  }

  release(): void {
    this.releaseFrom(HELD_PACE);
  }

  private holdFor(reason: number): void {
    if (this.holds === 0) this.socket.pause();
    this.holds |= reason;
  }

  private releaseFrom(reason: number): void {
    if ((this.holds & reason) === 0) return;
    this.holds &= ~reason;
    if (this.holds === 0) this.socket.resume();
  }

  handleDrain(): void {
    this.full = false;
    this.releaseFrom(HELD_UNREAD);
    this.machine.handleDrain(this.node.nowMs());
  }

  handleClose(code: number, reason: string): void {
    this.node.turn.takeIn();
    if (closeNameOf(code) === 'closed') this.isDone = true;
    this.machine.disconnected();
    this.pending = undefined;
    const { name, text } = this.closedAs ?? { name: closeNameOf(code) ?? code, text: reason };
    this.node.closed(this, name, text);
  }

  /** What is known of it at its end (SPEC CAUSE-2); without a reason it still stands. */
  flight(reason: CloseName | number | undefined): ServerFlight {
    const { node, machine, closedAs } = this;
    const endedAtMs = closedAs?.atMs ?? node.clock.nowMs();
    return {
      connection: this.number,
      openMs: endedAtMs - this.openedAtMs,
      silentInMs: node.nowMs() - machine.lastInMs,
      silentOutMs: node.nowMs() - this.lastOutMs,
      endedBy: closedAs ? 'server' : reason === undefined ? 'nobody' : 'peer',
      reason: closedAs?.name ?? reason ?? 'superseded',
      endedAtMs,
      wasToldToGo: machine.wasToldToGo,
      address: this.address,
    };
  }

  // ── From the wheel and the hub ───────────────────────────────────────────────────────────────────────────

  nextDeadlineMs(): number {
    return Math.min(this.machine.nextDeadlineMs(), this.credential?.dueAtMs ?? Infinity);
  }

  handleTime(nowMs: number): void {
    if (this.credential && nowMs >= this.credential.dueAtMs) this.node.greeter.credentialDue(this, nowMs);
    this.machine.handleTime(nowMs);
  }

  offer(shared: Uint8Array, run: number): boolean {
    if (this.full) return false;
    if (this.lastRun === run) return true;
    this.lastRun = run;
    this.sendShared(shared);
    return true;
  }

  lag(cursor: Cursor<HubTopic>, position: Position): void {
    this.machine.cursors.lag(cursor, position);
  }

  // ── To the socket ────────────────────────────────────────────────────────────────────────────────────────

  /** Sends what has collected. */
  flush(): void {
    const { pending } = this;
    if (!pending) return;
    this.pending = undefined;
    encodeBatches(pending, this.node.limits.messageBytesMax, this.socket, writeHot);
    this.lastOutMs = this.node.nowMs();
    this.node.counters.messagesOut += pending.length;
    this.checkRoom();
    this.machine.handleFlushed();
  }

  private sendShared(bytes: Uint8Array): void {
    // What was said before, such as where a subscription begins, arrives before it.
    if (this.pending) this.flush();
    this.socket.send(bytes);
    this.lastOutMs = this.node.nowMs();
    this.node.counters.messagesOut++;
    this.checkRoom();
  }

  private checkRoom(): void {
    if (this.socket.bufferedBytes < this.node.limits.socketHighWaterBytes) return;
    this.full = true;
    this.machine.cursors.writable = false;
  }

  // ── What the session asks for ────────────────────────────────────────────────────────────────────────────

  send(record: WireRecord): void {
    if (this.pending) {
      this.pending.push(record);
      return;
    }
    this.pending = [record];
    this.node.turn.flushLater(this);
  }

  greet(hello: WireRecord<'hello'>): void {
    void this.node.greeter.greet(this, hello);
  }

  welcomed(lastNode: string, flight: WireRecord<'flight'> | undefined): void {
    this.node.causes.handleReturn(this, lastNode, flight);
  }

  renew(token: string): void {
    if (this.isRenewing) return;
    this.isRenewing = true;
    void this.node.greeter.renew(this, token).finally(() => (this.isRenewing = false));
  }

  deadlineMoved(): void {
    this.node.wheel.schedule(this);
  }

  append(publish: WireRecord<'publish'>): void {
    this.node.operations.append(this, publish);
  }

  call(request: WireRecord<'request'>): void {
    this.node.operations.call(this, request);
  }

  finish(below: number): void {
    this.node.operations.finish(this.session!, below);
  }

  signal(topic: string, payload: Uint8Array): void {
    this.node.operations.signal(this, topic, payload);
  }

  beat(): void {
    this.sendShared(this.node.heartbeats.of(this.machine.cursors.all));
    this.node.greeter.refreshResumeToken(this);
    this.refreshReturnWindow();
  }

  /** The load has changed since the client was told (SPEC RET-1). */
  private refreshReturnWindow(): void {
    const { returnWindowMs } = this.node;
    const changeMs = Math.abs(returnWindowMs - this.returnWindowMs);
    if (changeMs < Math.max(RETURN_WINDOW_STEP_MS, this.returnWindowMs / 4)) return;
    this.returnWindowMs = returnWindowMs;
    this.machine.send({ type: 'return-window', returnWindowMs });
  }

  hangUp(name: CloseName, text: string): void {
    this.closedAs = { name, text, atMs: this.node.clock.nowMs() };
    if (name === 'ended-by-server') this.isDone = true;
    this.flush();
    // Whoever is silent will not answer a Close frame either.
    if (name === 'heartbeat-timeout') this.socket.terminate();
    else this.socket.close(closeCodes[name].code, text);
    if (this.holds > 0) this.socket.resume();
  }

  // ── What its cursors ask for ─────────────────────────────────────────────────────────────────────────────

  open(cursor: Cursor<HubTopic>, start: WireStart): void {
    // As many again as there may be, so that who subscribes anew need not wait for what was asked before.
    if (this.opening >= 2 * this.node.limits.subscriptionsMax) {
      const text = `${this.opening} subscriptions are being opened, ended ones too. Wait for answers before asking for more.`;
      return this.machine.cursors.openFailed(cursor, 'too-many-subscriptions', text);
    }
    this.opening++;
    void this.node.operations.openCursor(this, cursor, start).finally(() => this.opening--);
  }

  read(cursor: Cursor<HubTopic>): void {
    const topic = cursor.topic!;
    this.node.hub.pageAfter(topic, cursor.position).then(
      // Runs may have left since the page was read, and a cursor that joins must not miss one.
      (page) => this.machine.cursors.takePage(cursor, { ...page, liveFrom: topic.sent }),
      (error: unknown) => this.node.operations.logFailed(this, error),
    );
  }

  join(cursor: Cursor<HubTopic>): void {
    cursor.topic!.live.set(cursor, this);
  }

  leave(cursor: Cursor<HubTopic>): void {
    cursor.topic!.live.delete(cursor);
  }

  shut(cursor: Cursor<HubTopic>): void {
    if (cursor.topic) this.node.operations.shutCursor(this, cursor.topic);
  }

  // ── What the node asks for ───────────────────────────────────────────────────────────────────────────────

  greeted(greeting: Greeting): void {
    this.machine.greeted(greeting, this.node.nowMs());
    this.releaseFrom(HELD_GREETING);
  }

  close(name: CloseName, text: string): void {
    this.machine.close(name, text);
  }

  terminate(): void {
    this.socket.terminate();
  }
}
