import { TICKS_TOPIC, type FeedEvents } from '../events.ts';
import { Controls } from './controls.ts';
import { openFeed } from './feed.ts';
import { runHoldfastLane } from './holdfast-lane.ts';
import { LinesView } from './lines-view.ts';
import { runNotes } from './notes.ts';
import { part, setText } from './part.ts';
import { runPlainLane } from './plain-lane.ts';
import { Stage } from './stage.ts';
import { VerdictCards } from './verdict-cards.ts';
import { Verdicts } from './verdicts.ts';
import { wordsOfLog } from './wording.ts';

const stage = new Stage();
const plain = stage.addLane({
  name: 'plain',
  title: 'What most people write',
  caption: 'WebSocket, a ping every 30 s, a retry after 1 s',
});
const holdfast = stage.addLane({
  name: 'holdfast',
  title: 'Holdfast',
  caption: `connect(url).subscribe('${TICKS_TOPIC}'), heartbeat 2 s`,
});
const verdicts = new Verdicts();
const verdictCards = new VerdictCards(holdfast.name, verdicts);
const linesView = new LinesView();
const controls = new Controls();
let run: string | undefined;
let linePorts: readonly number[] = [];
let client: ReturnType<typeof runHoldfastLane> | undefined;

openFeed<FeedEvents>({
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
  published: (message) => stage.notePublished(message),
  state: (state) => controls.update(state),
  mark: (mark) => stage.mark(mark),
  lost: () => setText(part('notice'), 'The page’s own server does not answer. Is `npm start` still running?'),
});

function start(lines: readonly string[]): void {
  runPlainLane(plain, lines[0]!, (message) => stage.noteArrived(plain, message));
  const more = part<HTMLInputElement>('more-lines');
  const endpoints = (): readonly string[] => (more.checked ? lines : lines.slice(0, 1));
  const holdfastClient = runHoldfastLane(holdfast, endpoints, verdicts, (message) =>
    stage.noteArrived(holdfast, message),
  );
  // Its endpoints are asked for before each attempt, and one that replaces a live connection breaks nothing.
  more.addEventListener('change', () => holdfastClient.reconnect());
  runNotes(holdfastClient);
  client = holdfastClient;
}

stage.run((nowMs) => {
  controls.show(nowMs);
  verdictCards.show();
  if (client) linesView.show(client.endpoints, linePorts);
});
