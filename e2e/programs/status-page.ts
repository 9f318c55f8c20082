// A page with the status element, and a connection whose state the test sets, or a real one.
import { connect } from 'holdfast/client';
import 'holdfast/element';
import type { ShownStatus, StatusSource } from 'holdfast/element';
import { HoldfastWebSocket } from 'holdfast/websocket';

class Source implements StatusSource {
  status: ShownStatus = { phase: 'live', since: nowMs() };
  reconnects = 0;
  private readonly listeners = new Set<() => void>();

  onStatus(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  reconnect(): void {
    this.reconnects++;
  }

  set(status: Partial<ShownStatus>): void {
    this.status = { phase: 'live', since: nowMs(), ...status };
    for (const listener of this.listeners) listener();
  }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

const element = document.createElement('holdfast-status');
const source = new Source();
const parameters = new URLSearchParams(location.search);
const backoff = { baseMs: 10_000_000, capMs: 10_000_000 };
const client = parameters.get('client');
const socket = parameters.get('socket');
element.client = client
  ? connect(client, { backoff })
  : socket
    ? new HoldfastWebSocket(socket, undefined, { backoff, returnWindowMs: 10_000_000 })
    : source;
document.body.append(element);

const part = (name: string): HTMLElement => element.shadowRoot!.querySelector(`[part~=${name}]`)!;
/** Each text that the live region was given, which is what a screen reader says. */
const announced: string[] = [];
new MutationObserver(() => announced.push(part('message').textContent)).observe(part('message'), {
  childList: true,
  characterData: true,
  subtree: true,
});

const scene = { element, source, part, announced, nowMs };
declare global {
  interface Window {
    scene: typeof scene;
  }
}
window.scene = scene;
