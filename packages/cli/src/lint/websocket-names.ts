/** Words by which people name the path or the backend of a WebSocket. */
const words =
  /(^|[^a-z])(wss?|web-?sockets?|sockets?|socket\.io|sockjs|cable|signalr|realtime|graphql-ws|mqtt|stomp)([^a-z]|$)/i;

export function soundsLikeWebSocket(name: string): boolean {
  return words.test(name);
}
