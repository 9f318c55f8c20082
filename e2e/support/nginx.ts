import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { systemEnv } from '../peers.ts';
import { patient } from './ledger.ts';

/** nginx before servers of this machine; ends with the test. `directives` stand in its only location. */
export async function openNginx(
  serverPort: number | readonly number[],
  directives: string,
): Promise<{ port: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-nginx-'));
  // Workers run as another user, and buffer in this folder.
  chmodSync(folder, 0o777);
  const port = await freePort();
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port, [serverPort].flat(), directives));
  const nginx = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], {
    env: systemEnv,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => nginx.once('exit', () => resolve()));
  onTestFinished(async () => {
    nginx.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  await vi.waitFor(() => fetch(`http://127.0.0.1:${port}/readyz`), patient);
  return { port };
}

function configuration(
  folder: string,
  port: number,
  serverPorts: readonly number[],
  directives: string,
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  upstream nodes {
    ${serverPorts.map((serverPort) => `server 127.0.0.1:${serverPort} max_fails=0;`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      ${directives}
    }
  }
}
`;
}

/** nginx can't say which port it took, so one is found for it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
