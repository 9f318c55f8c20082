import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from './certificates.ts';
import { freePort, type Program, startProgram, workFolder } from './program.ts';

export interface Proxy<Config = string> extends Program {
  readonly url: string;
  /** Takes the same or another configuration, the way an operator reloads. */
  reload(config?: Config): Promise<void>;
}

const proxy = <Config>(program: Program, reload: Proxy<Config>['reload']): Proxy<Config> => ({
  ...program,
  url: `ws://127.0.0.1:${program.port}/`,
  reload,
});

export interface NginxParts {
  readonly main?: string;
  readonly events?: string;
  readonly http?: string;
  readonly server?: string;
  readonly tls?: KeyPair;
  readonly location: string;
}

export const NGINX_UPGRADE = `proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection "upgrade";`;

/** nginx with one server block; `location` is the inside of `location /`. */
export async function nginx(parts: NginxParts): Promise<Proxy<NginxParts>> {
  const folder = workFolder();
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, nginxConfig(folder, port, parts));
  for (const [name, text] of Object.entries(parts.tls ?? {})) writeFileSync(join(folder, name), text);
  const args = ['-c', file, '-p', folder, '-e', join(folder, 'error.log')];
  const program = await startProgram({ command: 'nginx', args, port, folder });
  return proxy(program, async (changed: NginxParts = parts) => {
    writeFileSync(file, nginxConfig(folder, port, changed));
    program.signal('SIGHUP');
  });
}

function nginxConfig(folder: string, port: number, parts: NginxParts): string {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n');
  return `daemon off;
user root;
worker_processes 1;
pid ${folder}/pid;
${parts.main ?? ''}
events { ${parts.events ?? 'worker_connections 512;'} }
http {
access_log off;
${temp}
${parts.http ?? ''}
server {
listen 127.0.0.1:${port} ${parts.tls ? 'ssl' : ''};
${parts.tls ? `ssl_certificate ${folder}/cert;\nssl_certificate_key ${folder}/key;` : ''}
${parts.server ?? ''}
location / {
${parts.location}
}
}
}
`;
}

/** HAProxy; the configuration is made for what its bind line is to hold. */
export async function haproxy(config: (bind: string) => string, tls?: KeyPair): Promise<Proxy> {
  const folder = workFolder();
  const port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  const pem = join(folder, 'both.pem');
  if (tls) writeFileSync(pem, tls.cert + tls.key);
  writeFileSync(file, config(`127.0.0.1:${port}${tls ? ` ssl crt ${pem} alpn h2,http/1.1` : ''}`));
  const program = await startProgram({ command: 'haproxy', args: ['-db', '-f', file], port, folder });
  return proxy(program, () => Promise.reject(new Error('HAProxy is restarted instead of reloaded')));
}

const APACHE_MODULES = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'reqtimeout'];

export async function apache(virtualHost: string): Promise<Proxy> {
  const folder = workFolder();
  const port = await freePort();
  const file = join(folder, 'httpd.conf');
  const modules = APACHE_MODULES.map(
    (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
  );
  writeFileSync(
    file,
    `ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/pid
Listen 127.0.0.1:${port}
ErrorLog ${folder}/error.log
${modules.join('\n')}
User www-data
Group www-data
${virtualHost}
`,
  );
  const args = ['-f', file, '-DFOREGROUND'];
  const program = await startProgram({ command: 'apache2', args, port, folder });
  return proxy(program, async () => program.signal('SIGUSR1'));
}

/** Caddy with one site; its admin port takes a new configuration at once. */
export async function caddy(site: string): Promise<Proxy> {
  const folder = workFolder();
  const port = await freePort();
  const adminPort = await freePort();
  const file = join(folder, 'Caddyfile');
  const config = (body: string, marker: string) => `{
	admin 127.0.0.1:${adminPort}
	auto_https off
}
http://127.0.0.1:${port} {
	header X-Zoo ${marker}
	${body}
}
`;
  writeFileSync(file, config(site, 'first'));
  const program = await startProgram({
    command: 'caddy',
    args: ['run', '--config', file, '--adapter', 'caddyfile'],
    port,
    folder,
    env: { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, HOME: folder },
  });
  return proxy(program, async (body) => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/load`, {
      method: 'POST',
      headers: { 'Content-Type': 'text/caddyfile' },
      body: config(body ?? site, 'second'),
    });
    if (!answer.ok) throw new Error(`caddy did not load: ${await answer.text()}`);
  });
}

export async function varnish(vcl: string, parameters: readonly string[] = []): Promise<Proxy> {
  const folder = workFolder();
  const port = await freePort();
  const file = join(folder, 'zoo.vcl');
  writeFileSync(file, vcl);
  const program = await startProgram({
    command: 'varnishd',
    args: [
      '-F',
      '-j',
      'none',
      '-n',
      join(folder, 'run'),
      '-s',
      'malloc,10m',
      '-f',
      file,
      '-a',
      `127.0.0.1:${port}`,
      ...['thread_pools=1', ...parameters].flatMap((parameter) => ['-p', parameter]),
    ],
    port,
    folder,
  });
  return proxy(program, () => Promise.reject(new Error('Varnish is restarted instead of reloaded')));
}

/** Squid as an accelerator, in front of one server. */
export function squid(backendPort: number, lines: string): Promise<Proxy> {
  return startSquid(
    (address) => `http_port ${address} accel defaultsite=127.0.0.1 no-vhost
cache_peer 127.0.0.1 parent ${backendPort} 0 no-query originserver no-digest
http_access allow all
${lines}`,
  );
}

/** Squid as the proxy of a network, which tunnels on CONNECT. */
export function squidForward(lines: string): Promise<Proxy> {
  return startSquid((address) => `http_port ${address}\n${lines}`);
}

async function startSquid(config: (address: string) => string): Promise<Proxy> {
  const folder = workFolder();
  const port = await freePort();
  const file = join(folder, 'squid.conf');
  mkdirSync(join(folder, 'core'), { mode: 0o777 });
  writeFileSync(
    file,
    `${config(`127.0.0.1:${port}`)}
cache deny all
access_log none
cache_log /dev/null
cache_store_log none
pid_filename none
pinger_enable off
netdb_filename none
coredump_dir ${folder}/core
shutdown_lifetime 0 seconds
`,
  );
  const program = await startProgram({ command: 'squid', args: ['-N', '-f', file], port, folder });
  return proxy(program, () => Promise.reject(new Error('Squid is restarted instead of reloaded')));
}
