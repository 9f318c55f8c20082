import { readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate authority of the zoo's own; made anew for each run. */
export function createAuthority(): Authority {
  const folder = workFolder();
  const path = (name: string) => join(folder, name);
  must('openssl', [
    ...['req', '-x509', ...EC_KEY, '-keyout', path('ca.key'), '-out', path('ca.pem')],
    ...['-days', '30', '-subj', '/CN=Holdfast zoo authority'],
  ]);
  const certificate = readFileSync(path('ca.pem'), 'utf8');
  let serial = 0;
  return {
    certificate,
    issue({ names, days }) {
      serial += 1;
      const leaf = path(`leaf-${serial}`);
      must('openssl', [
        ...['req', ...EC_KEY, '-keyout', `${leaf}.key`, '-out', `${leaf}.csr`, '-subj', '/CN=zoo'],
      ]);
      writeFileSync(`${leaf}.ext`, `subjectAltName=${names}\n`);
      must('openssl', [
        ...['x509', '-req', '-in', `${leaf}.csr`, '-CA', path('ca.pem'), '-CAkey', path('ca.key')],
        ...['-set_serial', String(serial), '-days', String(days), '-extfile', `${leaf}.ext`],
        ...['-out', `${leaf}.pem`],
      ]);
      const pair = { key: readFileSync(`${leaf}.key`, 'utf8'), cert: readFileSync(`${leaf}.pem`, 'utf8') };
      for (const end of ['key', 'csr', 'ext', 'pem']) rmSync(`${leaf}.${end}`);
      return pair;
    },
  };
}
