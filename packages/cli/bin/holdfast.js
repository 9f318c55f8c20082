#!/usr/bin/env node
// Stands here before anything is built, because npm links commands when it installs.
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  console.error('holdfast is not built yet: run npm run build in the root of the repository.');
  process.exitCode = 2;
}
