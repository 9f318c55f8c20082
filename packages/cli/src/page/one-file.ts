import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface PageParts {
  readonly title: string;
  readonly style: string;
  readonly body: string;
  /** What the scripts find as `pageData`. */
  readonly data: unknown;
  /**
   * Modules for the browser, without extension, each after those that it imports. They may import types from
   * anywhere and values from each other, and no two may use the same name.
   */
  readonly scripts: readonly URL[];
}

/** A page that needs nothing else, so that it can be served, mailed, or put on any web server. */
export async function onePage({ title, style, body, data, scripts }: PageParts): Promise<string> {
  const code = await Promise.all(scripts.map(browserCode));
  // "<" can't end the script element from inside of a JSON text when it is written as an escape.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${pageStyle}${style}</style>
${body}
<script type="module">
const pageData = ${json};
${code.join('\n').replaceAll('</script', '<\\/script')}
</script>
</html>
`;
}

/** Built, the modules stand beside this one as JavaScript; from the sources they are translated first. */
async function browserCode(script: URL): Promise<string> {
  const isSource = import.meta.url.endsWith('.ts');
  const text = await readFile(fileURLToPath(`${script.href}.${isSource ? 'ts' : 'js'}`), 'utf8');
  const code = isSource ? await translate(text) : text;
  return code
    .replaceAll(/^import [^;]*;$/gm, '')
    .replaceAll(/^export (?=(async )?(function|const|class) )/gm, '')
    .replaceAll(/^export \{[^}]*\};?$/gm, '')
    .replaceAll(/^\/\/# sourceMappingURL=.*$/gm, '');
}

async function translate(text: string): Promise<string> {
  const { transform } = await import('esbuild');
  return (await transform(text, { loader: 'ts', target: 'es2023' })).code;
}

const pageStyle = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#171b21, #e8ebef); --muted: light-dark(#5c6672, #97a2af);
  --page: light-dark(#f5f6f8, #0f1216); --panel: light-dark(#fff, #181c22); --line: light-dark(#dde1e6, #2a3038);
  --good: light-dark(#277a59, #5fc79b); --bad: light-dark(#b3261e, #ff867f); --warn: light-dark(#8f5600, #f0a93b);
  --focus: light-dark(#1b6fd0, #6fb1ff);
}
* { box-sizing: border-box; }
body { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0 0 .25rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 0 0 .75rem; font-size: 1rem; }
p { margin: 0; } .muted { color: var(--muted); }
section { margin-top: 1.25rem; padding: 1.25rem; background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; }
button { padding: .45rem .9rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--page); color: inherit; font: inherit; cursor: pointer; }
button.main { border-color: transparent; background: light-dark(#171b21, #e8ebef); color: light-dark(#fff, #0f1216); font-weight: 600; }
button:disabled { opacity: .5; cursor: default; }
input, select { padding: .4rem .6rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--page); color: inherit; font: inherit; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 500; color: var(--muted); }
td, th { padding: .4rem .75rem .4rem 0; border-top: 1px solid var(--line); vertical-align: top; }
tr:first-child > * { border-top: 0; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: .875rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
`;
