import { apacheRules } from './apache.ts';
import { caddyRules } from './caddy.ts';
import { envoyRules } from './envoy.ts';
import { haproxyRules } from './haproxy.ts';
import { kubernetesRules } from './kubernetes.ts';
import { nginxRules } from './nginx.ts';
import type { Product, Rule } from './rule.ts';
import { traefikRules } from './traefik.ts';

const byProduct = {
  nginx: nginxRules,
  haproxy: haproxyRules,
  apache: apacheRules,
  caddy: caddyRules,
  envoy: envoyRules,
  traefik: traefikRules,
  kubernetes: kubernetesRules,
} as const;

type Catalogue = typeof byProduct;

/** Every id that a finding can carry; a typing mistake in a check does not compile. */
export type RuleId = { [P in Product]: keyof Catalogue[P] }[Product];

export interface CatalogueEntry extends Rule {
  readonly id: RuleId;
  readonly product: Product;
}

/** All rules, by product and id; the linter and the guide are written from this list. */
export const catalogue: readonly CatalogueEntry[] = Object.entries(byProduct).flatMap(([product, rules]) =>
  Object.entries(rules as Record<string, Rule>).map(([id, rule]) => ({
    ...rule,
    id: id as RuleId,
    product: product as Product,
  })),
);

const entries = new Map(catalogue.map((entry) => [entry.id, entry]));

export function ruleById(id: RuleId): CatalogueEntry {
  const entry = entries.get(id);
  if (!entry) throw new Error(`There is no rule ${id}.`);
  return entry;
}
