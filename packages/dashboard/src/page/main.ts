import { TICKS_TOPIC, type Mark, type Numbered } from '../events.ts';
import { Controls } from './controls.ts';
import { openFeed } from './feed.ts';
import { runHoldfastLane } from './holdfast-lane.ts';
import { Lane } from './lane.ts';
import { LaneView, makeLaneElement } from './lane-view.ts';
import { LinesView } from './lines-view.ts';
import { runNotes } from './notes.ts';
import { watchPalette } from './palette.ts';
import { part, setText } from './part.ts';
import { runPlainLane } from './plain-lane.ts';
import { Timeline } from './timeline.ts';
import { VerdictCards } from './verdict-cards.ts';
import { Verdicts } from './verdicts.ts';
import { wordsOfLog } from './wording.ts';

const TEXT_EVERY_MS = 250;
const MARKS_MAX = 50;

const plain = new Lane('plain');
const holdfast = new Lane('holdfast');
const lanes = [
  {
    lane: plain,
    timeline: new Timeline(
      makeLaneElement(plain, 'What most people write', 'WebSocket, a ping every 30 s, a retry after 1 s'),
    ),
    view: new LaneView(plain),
  },
  {
    lane: holdfast,
    timeline: new Timeline(
      makeLaneElement(holdfast, 'Holdfast', `connect(url).subscribe('${TICKS_TOPIC}'), heartbeat 2 s`),
    ),
    view: new LaneView(holdfast),
  },
];
const verdicts = new Verdicts();
const verdictCards = new VerdictCards(holdfast.name, verdicts);
const linesView = new LinesView();
const marks: Mark[] = [];
const controls = new Controls();
let run: string | undefined;
let linePorts: readonly number[] = [];
let client: ReturnType<typeof runHoldfastLane> | undefined;

openFeed({
  hello({ run: itsRun, linePorts: itsLinePorts, log, state }) {
    setText(part('notice'), '');
    controls.update(state);
    // Another supervisor has another proxy, and begins its numbers anew.
    if (run !== undefined && run !== itsRun) location.reload();
    if (run !== undefined) return;
    run = itsRun;
    linePorts = itsLinePorts;
    setText(part('log'), wordsOfLog(log));
    setText(part('kill-what'), log === 'memory' ? 'with all its memory' : 'its log stays');
    start(linePorts.map((port) => `ws://127.0.0.1:${port}`));
  },
  published: (message) => lanes.forEach(({ lane }) => lane.ledger.notePublished(message)),
  state: (state) => controls.update(state),
  mark(mark) {
    marks.push(mark);
    if (marks.length > MARKS_MAX) marks.shift();
  },
  lost: () => setText(part('notice'), 'The page’s own server does not answer. Is `npm start` still running?'),
});

function start(lines: readonly string[]): void {
  const waiting = new Set(lanes.map(({ lane }) => lane));
  const onMessage = (lane: Lane) => (message: Numbered) => {
    // Both accounts begin with the same message: the first after each lane has shown that it receives.
    if (waiting.delete(lane) && waiting.size === 0) {
      for (const each of lanes) each.lane.ledger.begin(message.n + 1);
      setText(part('beginning'), '');
    }
    lane.ledger.noteArrived(message, Date.now());
  };
  runPlainLane(plain, lines[0]!, onMessage(plain));
  const more = part<HTMLInputElement>('more-lines');
  const endpoints = (): readonly string[] => (more.checked ? lines : lines.slice(0, 1));
  const holdfastClient = runHoldfastLane(holdfast, endpoints, verdicts, onMessage(holdfast));
  // Its endpoints are asked for before each attempt, and one that replaces a live connection breaks nothing.
  more.addEventListener('change', () => holdfastClient.reconnect());
  runNotes(holdfastClient);
  client = holdfastClient;
}

const palette = watchPalette();
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const pauseButton = part('pause');
let pausedAtMs: number | undefined;

pauseButton.addEventListener('click', () => {
  pausedAtMs = pausedAtMs === undefined ? Date.now() : undefined;
  pauseButton.ariaPressed = String(pausedAtMs !== undefined);
});

// Browsers ask for no frames while a page is hidden, so drawing pauses by itself.
requestAnimationFrame(function frame() {
  const nowMs = pausedAtMs ?? Date.now();
  // Whoever asked for less motion sees steps of a second.
  const shownMs = calm.matches ? Math.floor(nowMs / 1_000) * 1_000 : nowMs;
  for (const { lane, timeline } of lanes) timeline.draw(lane, marks, shownMs, palette());
  requestAnimationFrame(frame);
});

setInterval(() => {
  if (document.hidden) return;
  const nowMs = Date.now();
  for (const { view } of lanes) view.show(nowMs);
  controls.show(nowMs);
  verdictCards.show();
  if (client) linesView.show(client.endpoints, linePorts);
}, TEXT_EVERY_MS);
