// A page that talks to a server that knows nothing of Holdfast.
import { HoldfastWebSocket, type HoldfastWebSocketOptions } from 'holdfast/websocket';

const heard: [type: string, detail: unknown, atMs: number][] = [];

function open(url: string, options?: HoldfastWebSocketOptions): HoldfastWebSocket {
  const socket = new HoldfastWebSocket(url, undefined, options);
  const note = (type: string, detail?: unknown): void => void heard.push([type, detail, performance.now()]);
  socket.addEventListener('open', () => note('open'));
  socket.addEventListener('message', ({ data }) => note('message', data));
  socket.addEventListener('close', ({ code }) => note('close', code));
  return socket;
}

const dropIn = { open, heard, socket: undefined as HoldfastWebSocket | undefined };
declare global {
  interface Window {
    dropIn: typeof dropIn;
  }
}
window.dropIn = dropIn;
