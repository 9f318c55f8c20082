import { style } from './element-style.ts';
import { present, type Action, type Outlook, type ShownStatus, type View } from './presentation.ts';
import { english, type Wording } from './wording.ts';

export type { Action, ShownStatus, Trouble } from './presentation.ts';
export type { Wording } from './wording.ts';

/** Whatever has a connection's status to show: a client of `holdfast/client`, or an object of its shape. */
export interface StatusSource {
  readonly status: ShownStatus;
  onStatus(listener: () => void): () => void;
  reconnect(): void;
}

/** Away for less than this, people remember what they saw; the page is not taken to have slept. */
const AWAY_MIN_MS = 10_000;

/** The monotonic time since 1970 that clients stamp their status with. */
const nowMs = (): number => performance.timeOrigin + performance.now();

/** A button was pressed; `preventDefault()` leaves the act to the application. */
export type HoldfastActionEvent = CustomEvent<Action>;

interface ActionListening {
  addEventListener(
    type: 'action',
    listener: (event: HoldfastActionEvent) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

// A server that renders pages imports this, too, and has no elements.
const Base = (globalThis.HTMLElement ?? Object) as new () => ActionListening & HTMLElement;

/**
 * `<holdfast-status>`: tells people when a connection is broken, and not sooner than they would want to know.
 * It shows `element.client`'s status: nothing for a moment, then quietly, then as a banner that says whose
 * trouble it is and what can be done.
 *
 * Before it acts on a button it dispatches a cancelable `action` whose `detail` is `retry`, `signIn`, `takeBack`
 * or `reload`; `preventDefault()` leaves the act to the application. All but `reload` mean `client.reconnect()`.
 */
export class HoldfastStatusElement extends Base {
  #client: StatusSource | undefined;
  #wording = english;
  #outlook: Outlook = { name: 'new' };
  #view: View | { name: 'missed' } = { name: 'nothing' };
  #missed = false;
  #wokeAtMs = -Infinity;
  /** When the page was hidden, by the wall clock, which goes on while a device sleeps. */
  #hiddenAtMs: number | undefined;
  #driftMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stop: (() => void) | undefined;
  #pieces: Pieces | undefined;

  /** The client whose status is shown. The same one again changes nothing. */
  get client(): StatusSource | undefined {
    return this.#client;
  }

  set client(client: StatusSource | undefined) {
    // As React sets it through a `ref` at each rendering: the trouble that is shown is no other.
    if (client === this.#client) return;
    this.#client = client;
    this.#outlook = { name: 'new' };
    if (this.isConnected) this.#start();
  }

  /** Texts that replace the English ones. */
  get wording(): Wording {
    return this.#wording;
  }

  set wording(wording: Partial<Wording>) {
    this.#wording = { ...english, ...wording };
    this.#render();
  }

  /** Whether some updates may be missing: set it when a subscription tells of a gap. People can dismiss it. */
  get missed(): boolean {
    return this.#missed;
  }

  set missed(missed: boolean) {
    this.#missed = missed;
    this.#look();
  }

  connectedCallback(): void {
    // What was set before the element was defined hides the accessors of its class.
    for (const name of ['client', 'wording', 'missed'] as const) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name as never];
      Object.assign(this, { [name]: value });
    }
    this.#pieces ??= new Pieces(this.attachShadow({ mode: 'open' }), (action) => this.#act(action));
    this.#start();
  }

  disconnectedCallback(): void {
    this.#stop?.();
  }

  #start(): void {
    this.#stop?.();
    const look = (): void => this.#look();
    const wake = (event: Event): void => this.#handleWake(event);
    const unsubscribe = this.#client?.onStatus(look);
    document.addEventListener('visibilitychange', wake);
    document.addEventListener('resume', wake);
    addEventListener('pageshow', wake);
    this.#stop = () => {
      unsubscribe?.();
      clearTimeout(this.#timer);
      document.removeEventListener('visibilitychange', wake);
      document.removeEventListener('resume', wake);
      removeEventListener('pageshow', wake);
    };
    this.#render();
    look();
  }

  #handleWake({ type }: Event): void {
    if (type === 'visibilitychange' && document.hidden) {
      this.#hiddenAtMs = Date.now();
      return;
    }
    if (this.#hiddenAtMs !== undefined && Date.now() - this.#hiddenAtMs >= AWAY_MIN_MS)
      this.#wokeAtMs = nowMs();
    if (!document.hidden) this.#hiddenAtMs = undefined;
    this.#look();
  }

  #look(): void {
    if (!this.isConnected) return;
    clearTimeout(this.#timer);
    const now = nowMs();
    // The monotonic clock may stand still while a device sleeps with the page in sight.
    const driftMs = Date.now() - now;
    if (this.#driftMs !== undefined && driftMs - this.#driftMs >= AWAY_MIN_MS) this.#wokeAtMs = now;
    this.#driftMs = driftMs;
    let view: View | { name: 'missed' } = { name: 'nothing' };
    if (this.#client) {
      const presentation = present(this.#outlook, this.#client.status, now, this.#wokeAtMs);
      this.#outlook = presentation.outlook;
      view = presentation.view;
      if (presentation.nextMs !== undefined)
        this.#timer = setTimeout(() => this.#look(), Math.max(0, presentation.nextMs - now));
    }
    if (view.name === 'nothing' && this.#missed) view = { name: 'missed' };
    this.#view = view;
    this.#render();
  }

  #render(): void {
    this.#pieces?.show(contentOf(this.#view, this.#wording), this.#wording);
  }

  #act(action: Action | 'dismiss'): void {
    if (action === 'dismiss') {
      this.missed = false;
      return;
    }
    const event = new CustomEvent('action', { detail: action, cancelable: true });
    if (!this.dispatchEvent(event)) return;
    if (action === 'reload') location.reload();
    else this.#client?.reconnect();
  }
}

interface Content {
  view: string;
  /** Announced when it changes. */
  message: string;
  /** Never announced: counts and countdowns. */
  details: string;
  action: Action | undefined;
}

function contentOf(view: View | { name: 'missed' }, wording: Wording): Content {
  const content = { view: view.name, message: '', details: '', action: undefined };
  switch (view.name) {
    case 'nothing':
      return content;
    case 'quiet':
      return { ...content, message: view.isFirst ? wording.connecting : wording.reconnecting };
    case 'back':
      return { ...content, message: wording.back };
    case 'missed':
      return { ...content, message: wording.missed, action: 'reload' };
    case 'banner': {
      const details = [
        view.waiting > 0 && wording.waiting(view.waiting),
        view.retryInS !== undefined && wording.retryIn(view.retryInS),
      ];
      return {
        ...content,
        message: wording[view.trouble],
        details: details.filter(Boolean).join(' '),
        action: view.action,
      };
    }
  }
}

/** The pieces of the shadow tree. They stay, and only their texts change, so that a focused button keeps the focus. */
class Pieces {
  readonly #box = piece('div', 'box');
  readonly #message = piece('p', 'message');
  readonly #details = piece('p', 'details');
  readonly #action = piece('button', 'button action');
  readonly #dismiss = piece('button', 'button dismiss');
  #wanted: Action | undefined;

  constructor(root: ShadowRoot, onAction: (action: Action | 'dismiss') => void) {
    // A sheet that was constructed is allowed where a page's Content Security Policy forbids inline styles.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    const dot = piece('span', 'dot');
    const texts = piece('div', 'texts');
    this.#message.setAttribute('role', 'status');
    this.#message.setAttribute('aria-live', 'polite');
    this.#action.onclick = () => this.#wanted && onAction(this.#wanted);
    this.#dismiss.onclick = () => onAction('dismiss');
    texts.append(this.#message, this.#details);
    this.#box.append(dot, texts, this.#action, this.#dismiss);
    root.append(this.#box);
  }

  show({ view, message, details, action }: Content, wording: Wording): void {
    this.#box.dataset['view'] = view;
    this.#wanted = action;
    // A live region is announced when it is written, even with the same text.
    setText(this.#message, message);
    setText(this.#details, details);
    setText(this.#action, action ? wording[action] : '');
    setText(this.#dismiss, wording.dismiss);
    this.#action.hidden = !action;
    this.#dismiss.hidden = view !== 'missed';
  }
}

function piece<K extends keyof HTMLElementTagNameMap>(tag: K, part: string): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.setAttribute('part', part);
  if (tag === 'button') element.setAttribute('type', 'button');
  return element;
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

declare global {
  interface HTMLElementTagNameMap {
    'holdfast-status': HoldfastStatusElement;
  }
}

if (globalThis.customElements && !customElements.get('holdfast-status'))
  customElements.define('holdfast-status', HoldfastStatusElement);
