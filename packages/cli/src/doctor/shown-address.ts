/** An address as it may be shown to others: without a password, and without its query, which may hold a token. */
export function shownAddress(url: string): string {
  return url.replace(/\?.*/s, '?…').replace(/\/\/[^/?]*@/, '//…@');
}
