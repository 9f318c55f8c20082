import type { Mark, Numbered, Published } from '../events.ts';
import { Beginning } from './beginning.ts';
import { Lane } from './lane.ts';
import { LaneView, makeLaneElement } from './lane-view.ts';
import { watchPalette } from './palette.ts';
import { part, setText } from './part.ts';
import { Timeline } from './timeline.ts';

const TEXT_EVERY_MS = 250;
const MARKS_MAX = 50;

export interface LaneSpec {
  readonly name: string;
  readonly title: string;
  readonly caption: string;
}

/** The lanes of a page: what they show, one truth for all of them, and the clock that draws. */
export class Stage {
  private readonly shows: { lane: Lane; timeline: Timeline; view: LaneView }[] = [];
  private readonly marks: Mark[] = [];
  private readonly beginning = new Beginning();

  addLane({ name, title, caption }: LaneSpec): Lane {
    const lane = new Lane(name);
    const timeline = new Timeline(makeLaneElement(lane, title, caption));
    this.shows.push({ lane, timeline, view: new LaneView(lane) });
    this.beginning.add(lane.ledger);
    return lane;
  }

  /** A message exists; every lane is judged by it. */
  notePublished(message: Published): void {
    for (const { lane } of this.shows) lane.ledger.notePublished(message);
  }

  noteArrived(lane: Lane, message: Numbered): void {
    if (this.beginning.noteArrived(lane.ledger, message.n)) setText(part('beginning'), '');
    lane.ledger.noteArrived(message, Date.now());
  }

  mark(mark: Mark): void {
    this.marks.push(mark);
    if (this.marks.length > MARKS_MAX) this.marks.shift();
  }

  /** Draws from now on; `showMore` is called as often as texts change. */
  run(showMore: (nowMs: number) => void): void {
    const palette = watchPalette();
    const calm = matchMedia('(prefers-reduced-motion: reduce)');
    const pauseButton = part('pause');
    let pausedAtMs: number | undefined;
    pauseButton.addEventListener('click', () => {
      pausedAtMs = pausedAtMs === undefined ? Date.now() : undefined;
      pauseButton.ariaPressed = String(pausedAtMs !== undefined);
    });

    // Browsers ask for no frames while a page is hidden, so drawing pauses by itself.
    const frame = (): void => {
      const nowMs = pausedAtMs ?? Date.now();
      // Whoever asked for less motion sees steps of a second.
      const shownMs = calm.matches ? Math.floor(nowMs / 1_000) * 1_000 : nowMs;
      for (const { lane, timeline } of this.shows) timeline.draw(lane, this.marks, shownMs, palette());
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);

    setInterval(() => {
      if (document.hidden) return;
      const nowMs = Date.now();
      for (const { view } of this.shows) view.show(nowMs);
      showMore(nowMs);
    }, TEXT_EVERY_MS);
  }
}
