import { ok, skipped, type Step } from './step.ts';

const FOREIGN_ORIGIN = 'https://holdfast-doctor.invalid';

export const origin: Step = {
  name: 'origin',
  title: 'Origin check',
  async run(way) {
    if (way.settings.headers.some(([name]) => name.toLowerCase() === 'origin')) {
      return skipped('an Origin was given with --header');
    }
    const { outcome, connection } = await way.dial({ origin: FOREIGN_ORIGIN });
    await connection?.close();
    const refused = outcome.kind === 'answered' && [400, 401, 403].includes(outcome.status);
    const foreignOrigin = connection ? 'accepted' : refused ? 'refused' : 'unknown';
    way.measured.origin = { foreignOrigin };
    return ok(
      foreignOrigin === 'accepted'
        ? 'pages of any other site may connect; check Origin when cookies authenticate'
        : `pages of other sites: ${foreignOrigin}`,
    );
  },
};
