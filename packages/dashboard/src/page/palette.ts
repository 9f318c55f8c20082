/** The colours of the timelines, which a canvas can't take from the style sheet by itself. */
const names = {
  muted: '--muted',
  line: '--line',
  pending: '--pending',
  arrived: '--arrived',
  late: '--late',
  lateText: '--late-text',
  lost: '--lost',
  lostText: '--lost-text',
  twice: '--twice',
  good: '--good',
  trying: '--trying',
  bad: '--bad',
  onBand: '--on-band',
  font: '--font',
} as const;

export type Palette = Record<keyof typeof names, string>;

/** Reads the palette now, and again whenever the system turns light or dark. */
export function watchPalette(): () => Palette {
  let palette = readPalette();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (palette = readPalette()));
  return () => palette;
}

function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const entries = Object.entries(names).map(([name, property]) => [name, style.getPropertyValue(property)]);
  return Object.fromEntries(entries) as Palette;
}
