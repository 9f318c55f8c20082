import type { Client } from 'holdfast/client';
import { openFeed } from '../../page/feed.ts';
import { runHoldfastLane } from '../../page/holdfast-lane.ts';
import type { Lane } from '../../page/lane.ts';
import { part, setText } from '../../page/part.ts';
import { Stage } from '../../page/stage.ts';
import { VerdictCards } from '../../page/verdict-cards.ts';
import { Verdicts } from '../../page/verdicts.ts';
import { NODE_METHOD, type ClusterFeed } from '../events.ts';
import { Machines } from './machines.ts';

const stage = new Stage();
const lanes = [
  stage.addLane({ name: 'first', title: 'A client', caption: 'Connecting through nginx' }),
  stage.addLane({ name: 'second', title: 'Another one', caption: 'Connecting through nginx' }),
];
const cards: VerdictCards[] = [];
const machines = new Machines();
let run: string | undefined;

openFeed<ClusterFeed>({
  hello({ run: itsRun, port, log, state }) {
    setText(part('notice'), '');
    machines.name(log);
    machines.update(state);
    // Another supervisor has another cluster, and begins its numbers anew.
    if (run !== undefined && run !== itsRun) location.reload();
    if (run !== undefined) return;
    run = itsRun;
    for (const lane of lanes) start(lane, `ws://127.0.0.1:${port}`);
  },
  published: (message) => stage.notePublished(message),
  state: (state) => machines.update(state),
  mark: (mark) => stage.mark(mark),
  lost: () =>
    setText(
      part('notice'),
      'The page’s own server does not answer. Is `npm run demo:cluster` still running?',
    ),
});

function start(lane: Lane, nginx: string): void {
  const verdicts = new Verdicts();
  cards.push(new VerdictCards(lane.name, verdicts));
  const client = runHoldfastLane(
    lane,
    () => [nginx],
    verdicts,
    (message) => stage.noteArrived(lane, message),
  );
  showNode(lane, client as unknown as Client<{ methods: { [NODE_METHOD](data: null): string } }>);
}

/** Only the node itself can say which one nginx has chosen. */
function showNode(lane: Lane, client: Client<{ methods: { [NODE_METHOD](data: null): string } }>): void {
  const caption = part(`${lane.name}-caption`);
  let wasLive = false;
  client.onStatus(({ phase }) => {
    const isLive = phase === 'live';
    if (isLive && !wasLive) {
      client.request(NODE_METHOD, null).then(
        (node) => {
          caption.dataset['node'] = node;
          setText(caption, `Through nginx to node ${node}`);
        },
        () => {},
      );
    }
    wasLive = isLive;
  });
}

stage.run((nowMs) => {
  machines.show(nowMs);
  for (const each of cards) each.show();
});
