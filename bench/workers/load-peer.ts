import { pathToFileURL } from 'node:url';
import type { Peer } from '../peers/peer.ts';

/** The peer whose compiled file was named when this worker was started. */
export async function loadPeer(): Promise<Peer> {
  const file = process.argv[2];
  if (!file) throw new Error('A worker needs the file of its peer as an argument.');
  const module = (await import(pathToFileURL(file).href)) as { peer: Peer };
  return module.peer;
}
