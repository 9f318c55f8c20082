import { PLAIN_PATH, type Numbered } from '../events.ts';
import type { Lane } from './lane.ts';
import { wordsOfPlain } from './wording.ts';

/**
 * What most people write: open, ping every 30 s so that no proxy takes the connection for idle, and connect again
 * a second after it closed. On purpose nothing is done better here than in the code that tutorials teach.
 */
export function runPlainLane(lane: Lane, proxy: string, onMessage: (message: Numbered) => void): void {
  const connect = (): void => {
    lane.enter(wordsOfPlain('connecting'), Date.now());
    const socket = new WebSocket(`${proxy}${PLAIN_PATH}`);
    let ping: ReturnType<typeof setInterval> | undefined;
    socket.onopen = () => {
      lane.enter(wordsOfPlain('open'), Date.now());
      lane.facts.retryAtMs = undefined;
      ping = setInterval(() => socket.send('ping'), 30_000);
    };
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      if (data !== 'pong') onMessage(JSON.parse(data) as Numbered);
    };
    socket.onclose = ({ code, reason }) => {
      clearInterval(ping);
      lane.facts.lastDisconnect = `Code ${code}${reason ? `: ${reason}` : ', no reason given'}`;
      lane.facts.retryAtMs = Date.now() + 1_000;
      lane.enter(wordsOfPlain('waiting'), Date.now());
      setTimeout(connect, 1_000);
    };
  };
  connect();
}
