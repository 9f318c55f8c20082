import type { Dialect, RawRole } from '../peers/peer.ts';
import { RawConnection } from './connection.ts';

export interface DialAllOptions {
  readonly port: number;
  readonly count: number;
  readonly dialect: Dialect;
  readonly role: RawRole;
  onCount(connection: RawConnection, count: number, index: number): void;
}

/** How many connections may be on their way up at once: well within the server's accept queue. */
const dialsAtOnce = 100;

/** Opens many raw connections. One that fails, or is closed later, is an error of the whole run. */
export async function dialAll(options: DialAllOptions): Promise<RawConnection[]> {
  const connections: RawConnection[] = [];
  let next = 0;
  const dialInTurn = async (): Promise<void> => {
    while (next < options.count) {
      const index = next++;
      connections[index] = await dial(options, index);
    }
  };
  await Promise.all(Array.from({ length: dialsAtOnce }, dialInTurn));
  return connections;
}

function dial({ port, dialect, role, onCount }: DialAllOptions, index: number): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    let open = false;
    const connection: RawConnection = new RawConnection({
      port,
      dialect,
      role,
      onOpen: () => {
        open = true;
        resolve(connection);
      },
      onCount: (count) => onCount(connection, count, index),
      onClose: (reason) => {
        const error = new Error(`raw connection ${index}: ${reason}`);
        if (open) throw error;
        reject(error);
      },
    });
  });
}
