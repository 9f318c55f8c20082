import { EXIT_NOT_TESTED, EXIT_OK, type Io } from '../io.ts';
import { apacheConfig } from './apache.ts';
import { caddyConfig } from './caddy.ts';
import { envoyConfig } from './envoy.ts';
import { haproxyConfig } from './haproxy.ts';
import { kubernetesConfig } from './kubernetes.ts';
import { nginxConfig } from './nginx.ts';
import { configHelp, parseConfigOptions } from './options.ts';
import type { ProxySettings } from './settings.ts';
import { traefikConfig } from './traefik.ts';

export const generators: Readonly<Record<string, (settings: ProxySettings) => string>> = {
  nginx: nginxConfig,
  haproxy: haproxyConfig,
  caddy: caddyConfig,
  apache: apacheConfig,
  envoy: envoyConfig,
  traefik: traefikConfig,
  k8s: kubernetesConfig,
};

/** `holdfast config`. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const options = parseConfigOptions(args, Object.keys(generators));
  if (options.kind === 'help') {
    io.out(configHelp);
    return EXIT_OK;
  }
  const generate = options.kind === 'config' ? generators[options.product] : undefined;
  if (options.kind === 'wrong' || !generate) {
    const complaint =
      options.kind === 'wrong' ? options.complaint : `There is no product ${options.product}.`;
    io.err(`holdfast config: ${complaint} (holdfast config --help shows the arguments.)\n`);
    return EXIT_NOT_TESTED;
  }
  io.out(generate(options.settings));
  return EXIT_OK;
}
