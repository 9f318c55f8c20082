import { part, setText } from './part.ts';

/** Long enough to be read; why something can't be done now does not hold for longer. */
const NOTICE_MS = 8_000;

/** Sends a command to the page's own server, and shows why when it can't be carried out. */
export async function sendCommand(command: object, startedBy: string): Promise<void> {
  const notice = part('notice');
  try {
    const response = await fetch('/control', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(command),
    });
    const hindrance = response.ok ? '' : (await response.text()).trim();
    setText(notice, hindrance);
    setTimeout(() => {
      if (notice.textContent === hindrance) setText(notice, '');
    }, NOTICE_MS);
  } catch {
    setText(notice, `The page’s own server does not answer. Is \`${startedBy}\` still running?`);
  }
}
