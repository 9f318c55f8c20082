import { extname } from 'node:path';
import { parseDurationMs, sayDuration } from '../durations.ts';
import { Findings, type Checked, type LintContext } from '../finding.ts';
import {
  at,
  entriesOf,
  entryOf,
  headOf,
  itemsOf,
  textAt,
  textOf,
  type Entry,
  type Setting,
} from '../settings/setting.ts';
import { parseToml } from '../settings/toml.ts';
import { parseYaml } from '../settings/yaml.ts';
import { InputError, type SourceFile } from '../source-file.ts';
import { composeSettings } from './compose.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';

/** Traefik documentation, EntryPoints. */
const GRACE_DEFAULT_MS = 10_000;
const GRACE_WANTED_MS = 30_000;

/** Checks one file of Traefik, static or dynamic, YAML or TOML, or of Compose. Throws an InputError. */
export function checkTraefik(source: SourceFile, context: LintContext): Checked {
  const isToml = extname(source.path) === '.toml' || /^\s*\[/.test(source.text);
  const written = isToml ? [parseToml(source)] : parseYaml(source);
  const documents = written.map((document) => composeSettings(document) ?? document);
  if (!documents.some((document) => entriesOf(document).length > 0))
    throw new InputError(`${source.path} holds no settings of Traefik.`);
  const findings = new Findings();
  let routes = 0;
  for (const document of documents) {
    const entryPoints = entriesOf(at(document, 'entryPoints'));
    const routers = webSocketRouters(document, context);
    for (const entryPoint of entryPoints) checkEntryPoint(entryPoint, findings);
    for (const router of routers) checkRouter(document, router, context, findings);
    routes += entryPoints.length + routers.length;
  }
  return { findings: findings.list, routes };
}

/** TRF001 and TRF002. */
function checkEntryPoint({ key, place, value }: Entry, findings: Findings): void {
  const transport = at(value, 'transport');
  const grace = entryOf(at(transport, 'lifeCycle'), 'graceTimeOut');
  const graceMs = grace ? parseDurationMs(textOf(grace.value) ?? '', 1_000) : GRACE_DEFAULT_MS;
  if (graceMs !== undefined && graceMs < GRACE_WANTED_MS) {
    findings.add('TRF001', grace?.place ?? place, `${key} waits ${sayDuration(graceMs)} for open sockets.`);
  }
  const write = entryOf(at(transport, 'respondingTimeouts'), 'writeTimeout');
  const writeMs = write && parseDurationMs(textOf(write.value) ?? '', 1_000);
  if (write && writeMs)
    findings.add('TRF002', write.place, `Answers of ${key} are cut after ${sayDuration(writeMs)}.`);
}

/** The HTTP routers that carry WebSockets; Traefik needs no setting, so if none is marked any of them may. */
function webSocketRouters(document: Setting, { path }: LintContext): readonly Entry[] {
  const routers = entriesOf(at(document, 'http', 'routers'));
  const marked = routers.filter((router) =>
    path === undefined
      ? isNamed(router)
      : pathsOf(router).some(({ own, isPrefix }) => (isPrefix ? path.startsWith(own) : path === own)),
  );
  return marked.length > 0 ? marked : routers;
}

function pathsOf({ value }: Entry): readonly { readonly own: string; readonly isPrefix: boolean }[] {
  const found = (textAt(value, 'rule') ?? '').matchAll(/(?<!!)Path(Prefix|Regexp)?\(\s*[`'"]([^`'"]+)/g);
  return Array.from(found, ([, kind, own = '']) => ({ own, isPrefix: kind === 'Prefix' }));
}

function isNamed(router: Entry): boolean {
  const names = [router.key, textAt(router.value, 'service') ?? '', ...pathsOf(router).map(({ own }) => own)];
  return names.some(soundsLikeWebSocket);
}

/** TRF003 to TRF007. */
function checkRouter(
  document: Setting,
  router: Entry,
  { connections }: LintContext,
  findings: Findings,
): void {
  for (const reference of itemsOf(at(router.value, 'middlewares'))) {
    const middleware = referred(at(document, 'http', 'middlewares'), textOf(reference));
    for (const kind of entriesOf(middleware)) checkMiddleware(router, kind, connections, findings);
  }
  const service = at(
    referred(at(document, 'http', 'services'), textAt(router.value, 'service')),
    'loadBalancer',
  );
  const passHost = entryOf(service, 'passHostHeader');
  if (passHost && textOf(passHost.value) === 'false')
    findings.add(
      'TRF006',
      passHost.place,
      `The backend of ${router.key} does not see the Host of the client.`,
    );
  const urls = itemsOf(at(service, 'servers')).map((server) => entryOf(server, 'url'));
  // Labels say it of the container that they stand on.
  for (const spoken of [...urls, entryOf(at(service, 'server'), 'scheme')])
    if (spoken && /^h2c(:|$)/.test(textOf(spoken.value) ?? ''))
      findings.add('TRF007', spoken.place, `${router.key} asks its backend over h2c.`);
}

/** "name@file" (in labels "name@docker") names a thing of this very file. In names, unlike in settings, each character counts. */
function referred(things: Setting | undefined, reference: string | undefined): Setting | undefined {
  const name = reference?.replace(/@(file|docker|swarm)$/, '');
  return entriesOf(things).find(({ key }) => key === name)?.value;
}

function checkMiddleware(
  router: Entry,
  { key, place, value }: Entry,
  connections: number | undefined,
  findings: Findings,
): void {
  const kind = key.toLowerCase();
  const amount = Number(textAt(value, 'amount') ?? 0);
  if (kind === 'inflightreq' && amount > 0 && !(connections !== undefined && amount >= connections)) {
    findings.add(
      'TRF003',
      entryOf(value, 'amount')?.place ?? place,
      `${router.key} holds at most ${amount} sockets per source.`,
    );
  }
  if (kind === 'ratelimit' && Number(textAt(value, 'burst') ?? 1) <= 1) {
    findings.add('TRF004', value.kind === 'map' ? headOf(value) : place, `${router.key} allows no burst.`);
  }
  // What sends everything to https is left alone: wss:// never meets it.
  const isToHttps = kind === 'redirectscheme' && textAt(value, 'scheme') === 'https' && !isNamed(router);
  if ((kind === 'redirectscheme' || kind === 'redirectregex') && !isToHttps)
    findings.add('TRF005', place, `Clients of ${router.key} are redirected.`);
}
