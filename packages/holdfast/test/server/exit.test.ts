import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('./exit-program.ts', import.meta.url));

describe('a process that closed its server', () => {
  for (const way of ['unused', 'listened', 'connected', 'drained', 'attached', 'failed']) {
    it(`ends by itself: ${way}`, { timeout: 60_000 }, async () => {
      const child = spawn(process.execPath, ['--conditions=source', '--import=tsx', program, way], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      // A timer or a socket that was left open would keep it running until it is killed.
      const killer = setTimeout(() => child.kill('SIGKILL'), 50_000);
      const [code] = (await once(child, 'close')) as [number | null];
      clearTimeout(killer);
      expect({ code, output }).toEqual({ code: 0, output: 'closed\n' });
    });
  }
});
