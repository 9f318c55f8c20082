import type { Action, Trouble } from './presentation.ts';

/** Every word that the status element says. `element.wording = { … }` replaces some or all. */
export interface Wording extends Record<Trouble | Action, string> {
  connecting: string;
  reconnecting: string;
  back: string;
  missed: string;
  dismiss: string;
  /** What has been done and is not confirmed, one or more. */
  waiting(count: number): string;
  retryIn(seconds: number): string;
}

export const english: Wording = {
  connecting: 'Connecting…',
  reconnecting: 'Reconnecting…',
  back: 'Back online',
  missed: 'Some updates may be missing.',
  dismiss: 'Dismiss',
  waiting: (count) => (count === 1 ? '1 change waits to be sent.' : `${count} changes wait to be sent.`),
  retryIn: (seconds) => `Next try in ${seconds} s`,

  offline: 'This device is offline. Check Wi-Fi or mobile data.',
  network: 'Your network does not get through. We keep trying.',
  server: 'Our server is not available. Your network is fine; we keep trying.',
  app: 'The app can’t connect. The fault is in the app, not in your network.',
  unknown: 'The connection is interrupted. We keep trying.',
  signedOut: 'You are signed out. Sign in again to go on.',
  elsewhere: 'This is open elsewhere, and was stopped here.',
  ended: 'The server has ended this session.',
  outdated: 'This page is out of date.',

  retry: 'Try now',
  signIn: 'Sign in',
  takeBack: 'Use it here',
  reload: 'Reload',
};
