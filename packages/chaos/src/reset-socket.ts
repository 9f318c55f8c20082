import type { Socket } from 'node:net';

/**
 * Ends a socket with RST; one that still dials, as soon as it is connected, since the other side may have accepted
 * already.
 *
 * libuv refuses a reset while a FIN is on its way out (uv_tcp_close_reset, EINVAL), and Node would then leak the
 * descriptor; so the RST waits for the FIN, which takes one turn of the event loop.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.pending && !socket.connecting) {
    socket.destroy();
  } else if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
    socket.once('finish', () => resetSocket(socket));
  } else {
    socket.resetAndDestroy();
  }
}
