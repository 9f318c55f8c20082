import { backWithinMs, BIN_MS, peakShare, type Outcome, type StormConfig } from './storm.ts';

/** Seconds since the servers are back, from left to right. */
const SECONDS = 130;
const panel = {
  width: 400,
  height: 190,
  gap: 32,
  plotTop: 44,
  plotHeight: 108,
  plotLeft: 44,
  plotWidth: 352,
};
const margin = { left: 16, top: 92, bottom: 20 };
const COLUMNS = 2;
/** Arrivals per second, on a scale of powers of ten. */
const decades = { from: 2, to: 7 };

/** The arrival curves as an SVG picture that follows the reader's choice of light or dark. */
export function drawStorm(outcomes: readonly Outcome[], config: StormConfig): string {
  const rows = Math.ceil(outcomes.length / COLUMNS);
  const width = margin.left * 2 + COLUMNS * panel.width + (COLUMNS - 1) * panel.gap;
  const height = margin.top + rows * panel.height + margin.bottom;
  const panels = outcomes.map((outcome, index) => {
    const x = margin.left + (index % COLUMNS) * (panel.width + panel.gap);
    const y = margin.top + Math.floor(index / COLUMNS) * panel.height;
    return `<g transform="translate(${x} ${y})">${drawPanel(outcome, config)}</g>`;
  });
  const clients = config.clients.toLocaleString('en');
  const took = config.handshakesPerSecond.toLocaleString('en');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title about">
<title id="title">How ${clients} clients return after a crash</title>
<desc id="about">${outcomes.map((outcome) => described(outcome, config)).join(' ')}</desc>
<style>${style}</style>
<rect class="ground" width="100%" height="100%"/>
<text class="heading" x="${margin.left}" y="32">${clients} clients return after a crash</text>
<text class="note" x="${margin.left}" y="54">Attempts that reach the servers per second (each step of the scale is ten times the one below), over the seconds since</text>
<text class="note" x="${margin.left}" y="70">they are back from an outage of ${config.downMs / 1_000} s. Dashed: the ${took} handshakes that they take in a second; the rest waits in line, or times out.</text>
${panels.join('\n')}
</svg>
`;
}

function drawPanel(outcome: Outcome, config: StormConfig): string {
  const { plotTop, plotHeight, plotLeft, plotWidth } = panel;
  const right = plotLeft + plotWidth;
  const bottom = plotTop + plotHeight;
  const grid: string[] = [];
  for (let power = decades.from; power <= decades.to; power++) {
    const y = yOf(10 ** power);
    grid.push(`<path class="grid" d="M${plotLeft} ${y}H${right}"/>`);
    if (power % 2 === 0)
      grid.push(
        `<text class="tick" x="${plotLeft - 6}" y="${y + 3.5}" text-anchor="end">${short(10 ** power)}</text>`,
      );
  }
  for (let second = 0; second <= SECONDS; second += 30) {
    const x = Math.round(plotLeft + (second / SECONDS) * plotWidth);
    grid.push(`<text class="tick" x="${x}" y="${bottom + 14}" text-anchor="middle">${second} s</text>`);
  }
  const kind = outcome.algorithm.hasSlots ? 'ours' : 'theirs';
  const limit = yOf(config.handshakesPerSecond);
  return [
    `<text class="name ${kind}" x="0" y="14">${outcome.algorithm.name}</text>`,
    `<text class="about" x="0" y="30">${summary(outcome, config)}</text>`,
    ...grid,
    `<path class="area ${kind}" d="${curve(outcome)}"/>`,
    `<path class="limit" d="M${plotLeft} ${limit}H${right}"/>`,
  ].join('');
}

function curve({ arrivals }: Outcome): string {
  const { plotLeft, plotWidth, plotTop, plotHeight } = panel;
  const bins = (SECONDS * 1_000) / BIN_MS;
  const bottom = plotTop + plotHeight;
  let path = `M${plotLeft} ${bottom}`;
  let before = bottom;
  for (let bin = 0; bin < bins; bin++) {
    const y = yOf(((arrivals[bin] ?? 0) * 1_000) / BIN_MS);
    if (y === before) continue;
    path += `H${(plotLeft + (bin / bins) * plotWidth).toFixed(1)}V${y}`;
    before = y;
  }
  return `${path}H${plotLeft + plotWidth}V${bottom}Z`;
}

function yOf(perSecond: number): number {
  const share = (Math.log10(Math.max(perSecond, 1)) - decades.from) / (decades.to - decades.from);
  return Math.round(panel.plotTop + panel.plotHeight * (1 - Math.min(1, Math.max(0, share))));
}

function summary(outcome: Outcome, config: StormConfig): string {
  const { clients } = config;
  const peak = peakShare(outcome, config) * 100;
  const timedOut = (outcome.timedOut / clients) * 100;
  const gone = (outcome.gaveUp / clients) * 100;
  const backMs = backWithinMs(outcome, config, 1);
  return [
    `peak ${peak.toFixed(peak < 10 ? 1 : 0)} % in ${BIN_MS} ms`,
    `${timedOut.toFixed(0)} timeouts per 100`,
    gone > 0 ? `${gone.toFixed(0)} % never return` : `all back in ${Math.round(backMs / 1_000)} s`,
  ].join(' · ');
}

function described(outcome: Outcome, config: StormConfig): string {
  const { name, about } = outcome.algorithm;
  return `${name} (${about}): ${summary(outcome, config)}.`;
}

function short(value: number): string {
  return value >= 1e6 ? `${value / 1e6} M` : value >= 1e3 ? `${value / 1e3} k` : String(value);
}

const style = `
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1d2433; }
.heading { font-size: 20px; font-weight: 650; }
.note, .about, .tick { fill: #5a6478; }
.tick { font-size: 10px; }
.name { font-size: 13px; font-weight: 650; }
.ground { fill: #ffffff; }
.grid { stroke: #e3e7ee; }
.limit { stroke: #5a6478; stroke-dasharray: 4 3; }
.area.ours { fill: #1f8a5b; }
.area.theirs { fill: #c2553a; }
.name.ours { fill: #14704a; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9f0; }
  .note, .about, .tick { fill: #9aa4b8; }
  .ground { fill: #11151d; }
  .grid { stroke: #262d3a; }
  .limit { stroke: #9aa4b8; }
  .area.ours { fill: #35b67e; }
  .area.theirs { fill: #e07a5c; }
  .name.ours { fill: #58d19c; }
}
`;
