import type { FeedEvents } from '../events.ts';

export type FeedListeners = { [E in keyof FeedEvents]: (data: FeedEvents[E]) => void } & {
  /** The supervisor does not answer; the browser goes on trying. */
  lost: () => void;
};

/** What the supervisor tells, past the network that is being broken. */
export function openFeed(listeners: FeedListeners): void {
  const source = new EventSource('/events');
  const names: (keyof FeedEvents)[] = ['hello', 'published', 'state', 'mark'];
  for (const name of names) {
    const listener = listeners[name] as (data: unknown) => void;
    source.addEventListener(name, ({ data }: MessageEvent<string>) => listener(JSON.parse(data)));
  }
  source.addEventListener('error', listeners.lost);
}
