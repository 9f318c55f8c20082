/** A broadcast message: its number, when it was sent (monotonic clock), and padding up to the wanted size. */
export function messageText(number: number, sentAtMs: number, bytes: number): string {
  return `${number}|${sentAtMs}|`.padEnd(bytes, '.');
}

export function readMessage(text: string): { number: number; sentAtMs: number } {
  const afterNumber = text.indexOf('|');
  const afterTime = text.indexOf('|', afterNumber + 1);
  return {
    number: Number(text.slice(0, afterNumber)),
    sentAtMs: Number(text.slice(afterNumber + 1, afterTime)),
  };
}
