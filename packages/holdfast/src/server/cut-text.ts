/** At most `bytesMax` bytes of UTF-8, ending with an ellipsis where something is missing, never within a character. */
export function cutText(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  // A character that the cut goes through decodes to U+FFFD.
  const kept = bytes.subarray(0, bytesMax - 3).toString();
  return `${kept.replace(/\uFFFD$/, '')}…`;
}
