import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemEnv } from '../peers.ts';

/** A proxy of this machine, and how the text that is generated for it comes to life. */
export interface RealProxy {
  readonly name: 'nginx' | 'haproxy' | 'apache' | 'caddy';
  readonly program: string;
  /** Writes the configuration, with what only a test needs around it, and says how to start it. */
  prepare(folder: string, text: string, adminPort: number): readonly string[];
  /** Lets the running proxy take the configuration that was written last. */
  reload(proxy: ChildProcess, folder: string, adminPort: number): void;
}

const apacheModules = '/usr/lib/apache2/modules';

export const realProxies: readonly RealProxy[] = [
  {
    name: 'nginx',
    program: 'nginx',
    prepare(folder, text) {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      writeFileSync(
        join(folder, 'nginx.conf'),
        text.replace('http {', `http { access_log off; ${temporary.join(' ')}`),
      );
      const globals = `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;`;
      return ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf'), '-g', globals];
    },
    reload: (proxy) => void proxy.kill('SIGHUP'),
  },
  {
    name: 'haproxy',
    program: 'haproxy',
    prepare(folder, text) {
      writeFileSync(join(folder, 'haproxy.cfg'), text);
      return ['-W', '-db', '-f', join(folder, 'haproxy.cfg')];
    },
    reload: (proxy) => void proxy.kill('SIGUSR2'),
  },
  {
    name: 'apache',
    program: 'apache2',
    prepare(folder, text) {
      mkdirSync(join(folder, 'run'), { recursive: true });
      writeFileSync(join(folder, 'site.conf'), text);
      const modules = ['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http'].map(
        (name) => `LoadModule ${name}_module ${apacheModules}/mod_${name}.so`,
      );
      const main = [
        `ServerRoot ${folder}`,
        ...modules,
        `DefaultRuntimeDir ${folder}/run`,
        `PidFile ${folder}/apache.pid`,
        `ErrorLog ${folder}/error.log`,
        'User www-data',
        'Group www-data',
        `Include ${folder}/site.conf`,
      ];
      writeFileSync(join(folder, 'apache2.conf'), `${main.join('\n')}\n`);
      return ['-f', join(folder, 'apache2.conf'), '-DFOREGROUND'];
    },
    reload: (proxy) => void proxy.kill('SIGUSR1'),
  },
  {
    name: 'caddy',
    program: 'caddy',
    prepare(folder, text, adminPort) {
      writeFileSync(
        join(folder, 'Caddyfile'),
        text.replace('grace_period', `admin localhost:${adminPort}\n\tgrace_period`),
      );
      return ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'];
    },
    reload(_proxy, folder, adminPort) {
      const args = [
        'reload',
        '--config',
        join(folder, 'Caddyfile'),
        '--adapter',
        'caddyfile',
        '--address',
        `localhost:${adminPort}`,
      ];
      const { status, stderr } = spawnSync('caddy', args, { env: environment(folder), encoding: 'utf8' });
      if (status !== 0) throw new Error(`caddy reload failed: ${stderr}`);
    },
  },
];

/** Programs keep their state in the folder of the test. */
function environment(folder: string): NodeJS.ProcessEnv {
  return { ...systemEnv, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
}

/** The version that "caddy version" tells, as in "v2.6.2 h1:…". */
export function caddyVersion(): string {
  return /\d+\.\d+\.\d+/.exec(spawnSync('caddy', ['version'], { encoding: 'utf8' }).stdout)?.[0] ?? '0.0.0';
}

export function startProxy(proxy: RealProxy, folder: string, args: readonly string[]): ChildProcess {
  return spawn(proxy.program, args, { env: environment(folder), stdio: 'ignore' });
}
