import { part, setText } from './part.ts';

/** Sends a command to the page's own server, and shows why when it can't be carried out. */
export async function sendCommand(command: object, startedBy: string): Promise<void> {
  const notice = part('notice');
  try {
    const response = await fetch('/control', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(command),
    });
    setText(notice, response.ok ? '' : (await response.text()).trim());
  } catch {
    setText(notice, `The page’s own server does not answer. Is \`${startedBy}\` still running?`);
  }
}
