import { readFileSync, readlinkSync } from 'node:fs';

/** The port through which processes of one machine know of each other. */
export interface Processes {
  /** This process, to the others. */
  readonly own: string;
  /** Undefined for those of other machines. One that has just ended may still be there for a moment. */
  look(name: string): 'there' | 'ended' | undefined;
}

/** Undefined where a machine can't be told from another, as on systems other than Linux. */
export function linuxProcesses(): Processes | undefined {
  try {
    // Numbers of processes mean something within one boot (random(4)) and one namespace (pid_namespaces(7)).
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const place = `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
    return { own: `${process.pid} ${place}`, look: (name) => look(name, place) };
  } catch {
    return undefined;
  }
}

function look(name: string, place: string): ReturnType<Processes['look']> {
  const at = name.indexOf(' ');
  const pid = Number(name.slice(0, at));
  if (name.slice(at + 1) !== place || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  try {
    // Signal 0 reaches nobody, and only asks (kill(2)).
    process.kill(pid, 0);
    return 'there';
  } catch (error) {
    // Else it is another user's.
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'ended' : 'there';
  }
}
