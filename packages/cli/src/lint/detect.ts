import { basename } from 'node:path';
import type { Product } from '../facts/rules/rule.ts';
import type { SourceFile } from './source-file.ts';

export const products: readonly Product[] = [
  'nginx',
  'haproxy',
  'apache',
  'caddy',
  'envoy',
  'traefik',
  'kubernetes',
];

const byName: readonly (readonly [RegExp, Product])[] = [
  [/^nginx.*\.conf$/, 'nginx'],
  [/^haproxy.*\.cfg$/, 'haproxy'],
  [/^(apache2?|httpd).*\.conf$/, 'apache'],
  [/^Caddyfile|\.caddy(file)?$/i, 'caddy'],
];

/** Lines that only one product writes, the most telling first. */
const byText: readonly (readonly [RegExp, Product])[] = [
  [
    /^[ \t]*(global|defaults|frontend|backend|listen(?![ \t]+[\d.:*]+\s*$))([ \t]+[\w.:*-]+)*[ \t]*(#.*)?\r?$/m,
    'haproxy',
  ],
  [/^\s*<\/?(VirtualHost|Location|Directory|IfModule|Proxy|IfDefine|Files)\b/im, 'apache'],
  [
    /^\s*(ProxyPass(Match|Reverse)?|RewriteRule|LoadModule|ServerRoot|MaxRequestWorkers|ProxyTimeout|Timeout[ \t]+\d+)\b[^;{]*$/im,
    'apache',
  ],
  [/^\s*(server|location|http|events|upstream|map|stream)\b[^;\n]*\{/m, 'nginx'],
  [/^\s*(proxy_pass|proxy_set_header|worker_processes|include)\s[^;]*;/m, 'nginx'],
  [/^\s*(reverse_proxy|file_server|php_fastcgi|redir|encode|tls|root|respond)(\s+[^;]*)?$/m, 'caddy'],
  [/^\s*\[(entryPoints|providers|http|api|log|tcp)\b/m, 'traefik'],
];

/** Which product a file belongs to, by its name, or else by its text; `undefined` when neither says. */
export function detectProduct(source: SourceFile): Product | undefined {
  const name = basename(source.path);
  if (/\.(ya?ml|json)$/.test(name)) return detectYaml(source.text);
  if (name.endsWith('.toml')) return 'traefik';
  const named = byName.find(([pattern]) => pattern.test(name))?.[1];
  if (named) return named;
  const written = byText.find(([pattern]) => pattern.test(source.text))?.[1];
  return written ?? detectYaml(source.text);
}

function detectYaml(text: string): Product | undefined {
  if (/(^|[{,])\s*"?apiVersion"?\s*:/m.test(text) && /(^|[{,])\s*"?kind"?\s*:/m.test(text))
    return 'kubernetes';
  if (/"?static_resources"?\s*:|envoy\.extensions\.|envoy\.config\./.test(text)) return 'envoy';
  if (/^"?services"?\s*:/m.test(text) && /\btraefik\./i.test(text)) return 'traefik';
  if (/^"?(entryPoints|providers|http|tcp|certificatesResolvers)"?\s*:/im.test(text)) return 'traefik';
  return undefined;
}
