import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, workFolder } from './program.ts';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface Certificate extends KeyPair {
  /** The certificate of the authority that signed it. */
  readonly authority: string;
}

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

/**
 * A certificate of an authority of its own, both made anew. `names` as in `IP:127.0.0.1,DNS:example.com`;
 * with `days` -1 it ended yesterday.
 */
export function createCertificate(names: string, days: number): Certificate {
  const folder = workFolder();
  const openssl = (line: string) => must('openssl', line.replaceAll('./', `${folder}/`).split(' '));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  try {
    openssl(`req -x509 ${NEW_KEY} -keyout ./ca.key -out ./ca.pem -days 30 -subj /CN=zoo-authority`);
    openssl(`req ${NEW_KEY} -keyout ./leaf.key -out ./leaf.csr -subj /CN=zoo`);
    writeFileSync(join(folder, 'names'), `subjectAltName=${names}\n`);
    openssl(
      `x509 -req -in ./leaf.csr -CA ./ca.pem -CAkey ./ca.key -days ${days} -extfile ./names -out ./leaf.pem`,
    );
    return { key: read('leaf.key'), cert: read('leaf.pem'), authority: read('ca.pem') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
