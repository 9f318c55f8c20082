import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, workFolder } from './program.ts';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface Authority {
  readonly certificate: string;
  issue(options: {
    readonly names: string;
    /** openssl x509 takes `-days -1` for one that ended yesterday. */
    readonly days: number;
  }): KeyPair;
}

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

/** A certificate authority of the zoo's own; made anew each time. */
export function createAuthority(): Authority {
  const folder = workFolder();
  const openssl = (line: string) => must('openssl', line.replaceAll('./', `${folder}/`).split(' '));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  openssl(`req -x509 ${NEW_KEY} -keyout ./ca.key -out ./ca.pem -days 30 -subj /CN=zoo-authority`);
  return {
    certificate: read('ca.pem'),
    issue({ names, days }) {
      writeFileSync(join(folder, 'names'), `subjectAltName=${names}\n`);
      openssl(`req ${NEW_KEY} -keyout ./leaf.key -out ./leaf.csr -subj /CN=zoo`);
      openssl(
        `x509 -req -in ./leaf.csr -CA ./ca.pem -CAkey ./ca.key -days ${days} -extfile ./names -out ./leaf.pem`,
      );
      return { key: read('leaf.key'), cert: read('leaf.pem') };
    },
  };
}
