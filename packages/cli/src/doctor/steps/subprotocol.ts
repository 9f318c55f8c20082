import { ok, problem, type Step } from './step.ts';

export const subprotocol: Step = {
  name: 'subprotocol',
  title: 'Subprotocol',
  async run({ settings, measured }) {
    const opened = measured.upgrade?.attempts.find(({ outcome }) => outcome.kind === 'open')?.outcome;
    const selected = opened?.kind === 'open' ? opened.subprotocol : null;
    const requested = settings.subprotocols;
    measured.subprotocol = { requested, selected };
    if (selected === null && requested.length === 0) return ok('none asked, none chosen');
    // RFC 6455, section 4.1: a client must fail when the server chooses what was not asked for.
    if (selected !== null && !requested.includes(selected)) {
      return problem(`the server chose "${selected}", which nobody asked for`);
    }
    return selected === null ? problem('the server chose none of those asked for') : ok(`"${selected}"`);
  },
};
