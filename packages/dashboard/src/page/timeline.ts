import type { Mark } from '../events.ts';
import type { Lane, Stretch } from './lane.ts';
import type { Entry, Hole } from './ledger.ts';
import type { Palette } from './palette.ts';
import { labelOfHole } from './wording.ts';

const PX_PER_SECOND = 24;
/** Room at the right edge, so that the newest tick is not cut off. */
const NOW_MARGIN_PX = 8;
const TICK_PX = 3;
const MARKS_Y = 11;
const HOLES_Y = 28;
const TICKS_TOP = 40;
const TICKS_BOTTOM = 100;
const STUB_PX = 12;
const BAND_TOP = 110;
const BAND_BOTTOM = 128;
const AXIS_Y = 143;
/** A tick grows to its height in this time, so that a replay is seen to sweep in. */
const GROW_MS = 250;
const AXIS_STEP_S = 5;

/** Draws one lane: a tick for each message where it was published, and beneath it the connection's state. */
export class Timeline {
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private width = 0;
  private nowMs = 0;
  private palette!: Palette;

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d')!;
    new ResizeObserver(() => this.fit()).observe(canvas);
    this.fit();
  }

  draw(lane: Lane, marks: readonly Mark[], nowMs: number, palette: Palette): void {
    this.nowMs = nowMs;
    this.palette = palette;
    const { context, width } = this;
    context.clearRect(0, 0, width, AXIS_Y + 10);
    context.font = `11px ${palette.font}`;
    this.drawAxis();
    this.drawMarks(marks);
    const visible = this.visibleEntries(lane.ledger.entries);
    for (const entry of visible) this.drawTick(entry);
    this.drawHoles(lane.ledger.holes, visible);
    this.drawBand(lane.stretches);
  }

  private fit(): void {
    const { clientWidth, clientHeight } = this.canvas;
    const scale = window.devicePixelRatio;
    this.width = clientWidth;
    this.canvas.width = Math.round(clientWidth * scale);
    this.canvas.height = Math.round(clientHeight * scale);
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
  }

  private x(atMs: number): number {
    return this.width - NOW_MARGIN_PX - ((this.nowMs - atMs) / 1_000) * PX_PER_SECOND;
  }

  private visibleEntries(entries: readonly Entry[]): Entry[] {
    const visible: Entry[] = [];
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i]!;
      if (this.x(entry.publishedAtMs) < -TICK_PX) break;
      if (entry.publishedAtMs <= this.nowMs) visible.push(entry);
    }
    return visible;
  }

  private drawAxis(): void {
    const { context, palette } = this;
    const secondsShown = this.width / PX_PER_SECOND;
    context.fillStyle = palette.muted;
    context.textAlign = 'right';
    context.fillText('now', this.width, AXIS_Y);
    context.textAlign = 'center';
    for (let s = AXIS_STEP_S; s < secondsShown - 1; s += AXIS_STEP_S) {
      context.fillText(`−${s} s`, this.x(this.nowMs - s * 1_000), AXIS_Y);
    }
    context.fillStyle = palette.line;
    context.fillRect(0, TICKS_BOTTOM + 1, this.width, 1);
  }

  private drawMarks(marks: readonly Mark[]): void {
    const { context, palette } = this;
    context.textAlign = 'left';
    let free = this.width;
    for (const { label, atMs } of marks.toReversed()) {
      const x = Math.round(this.x(atMs));
      if (x < -120) break;
      if (atMs > this.nowMs) continue;
      context.fillStyle = palette.line;
      context.fillRect(x, 2, 1, BAND_BOTTOM - 2);
      const labelWidth = context.measureText(label).width;
      // Right of its line, or else left of it, or else not at all: the line says that something happened.
      const left = [x + 4, x - 4 - labelWidth].find((start) => start + labelWidth <= free);
      if (left === undefined) continue;
      free = left - 6;
      context.fillStyle = palette.muted;
      context.fillText(label, left, MARKS_Y);
    }
  }

  private drawTick(entry: Entry): void {
    const { context, palette } = this;
    const left = this.x(entry.publishedAtMs) - TICK_PX / 2;
    if (entry.fate === 'on-its-way' || entry.fate === 'lost') {
      context.fillStyle = entry.fate === 'lost' ? palette.lost : palette.pending;
      context.fillRect(left, TICKS_BOTTOM - STUB_PX, TICK_PX, STUB_PX);
      return;
    }
    const age = Math.min(1, Math.max(0, (this.nowMs - (entry.arrivedAtMs ?? 0)) / GROW_MS));
    const height = STUB_PX + (TICKS_BOTTOM - TICKS_TOP - STUB_PX) * age;
    context.fillStyle =
      entry.copies > 1 ? palette.twice : entry.fate === 'late' ? palette.late : palette.arrived;
    context.fillRect(left, TICKS_BOTTOM - height, TICK_PX, height);
    // Told apart without colour too: a foot for late ones, a cap for those that came twice.
    if (entry.fate === 'late') context.fillRect(left - 1, TICKS_BOTTOM - 3, TICK_PX + 2, 3);
    if (entry.copies > 1) context.fillRect(left - 1, TICKS_BOTTOM - height - 5, TICK_PX + 2, 3);
  }

  /** A bracket above each hole, and its words, newest first; words that would overlap are left to the list below. */
  private drawHoles(holes: readonly Hole[], visible: readonly Entry[]): void {
    const { context, palette } = this;
    context.textAlign = 'left';
    let free = this.width;
    for (const hole of holes.toReversed()) {
      // Of a gap in which nothing was lost, the message after it shows the place.
      const within = visible.filter(({ n, fate }) =>
        hole.count > 0 ? fate === 'lost' && n > hole.after && n < hole.before : n === hole.before,
      );
      const newest = within[0];
      const oldest = within.at(-1);
      if (!newest || !oldest || (hole.count === 0 && hole.reason === undefined)) continue;
      const left = this.x(oldest.publishedAtMs) - TICK_PX / 2;
      const right = this.x(newest.publishedAtMs) + TICK_PX / 2;
      context.fillStyle = hole.count > 0 ? palette.lost : palette.late;
      context.fillRect(left, HOLES_Y + 4, right - left, 1.5);
      context.fillRect(left, HOLES_Y + 4, 1.5, 5);
      context.fillRect(right - 1.5, HOLES_Y + 4, 1.5, 5);
      const text = labelOfHole(hole);
      const textWidth = context.measureText(text).width;
      const wished = (left + right - textWidth) / 2;
      const start = Math.max(0, Math.min(wished, this.width - textWidth));
      if (start + textWidth > free) continue;
      free = start - 8;
      context.fillStyle = hole.count > 0 ? palette.lostText : palette.lateText;
      context.fillText(text, start, HOLES_Y);
    }
  }

  private drawBand(stretches: readonly Stretch[]): void {
    let endMs = this.nowMs;
    for (const stretch of stretches.toReversed()) {
      if (stretch.sinceMs >= endMs) continue;
      // The band reaches to the very edge, where the present is.
      const right = endMs === this.nowMs ? this.width : this.x(endMs);
      const left = Math.max(0, this.x(stretch.sinceMs));
      if (right <= 0) return;
      this.drawStretch(stretch, left, right);
      endMs = stretch.sinceMs;
    }
  }

  private drawStretch({ words }: Stretch, left: number, right: number): void {
    const { context, palette } = this;
    const width = Math.max(1, right - left);
    context.fillStyle = palette[words.tone];
    context.fillRect(left, BAND_TOP, width, BAND_BOTTOM - BAND_TOP);
    context.textAlign = 'left';
    if (context.measureText(words.label).width + 12 > width) return;
    context.fillStyle = palette.onBand;
    context.fillText(words.label, left + 6, BAND_BOTTOM - 5);
  }
}
