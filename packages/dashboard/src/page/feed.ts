/** What the supervisor tells, past the network that is being broken. `lost`: it does not answer; the browser goes on trying. */
export function openFeed<Events extends object>(
  listeners: { readonly [E in keyof Events]: (data: Events[E]) => void } & { lost: () => void },
): void {
  const source = new EventSource('/events');
  const { lost, ...others } = listeners;
  for (const [name, listener] of Object.entries(others)) {
    source.addEventListener(name, ({ data }: MessageEvent<string>) =>
      (listener as (data: unknown) => void)(JSON.parse(data)),
    );
  }
  source.addEventListener('error', lost);
}
