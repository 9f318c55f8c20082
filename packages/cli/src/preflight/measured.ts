/** What connections cost on this machine, from a short real run. Per connection unless the name says otherwise. */
export interface Measured {
  readonly server: ServerKind;
  /** Connections that were opened for it. */
  readonly connections: number;
  /** Memory of the server's process. */
  readonly processBytes: number;
  /** The part of it on V8's heap, which has a limit of its own. */
  readonly heapBytes: number;
  /** Memory of the kernel for the server's socket; null where it can't be seen. */
  readonly kernelBytes: number | null;
  /** Handshakes in a second of the server's processor time. */
  readonly handshakesPerCpuSecond: number;
  /** Processor time of the server for one ping from a client and its pong. */
  readonly pingCpuMs: number;
  /** The server's heap limit as Node chose it by itself. */
  readonly heapLimitBytes: number;
  readonly heapUsedBytes: number;
}

export type ServerKind = 'ws' | 'holdfast';

/**
 * A socket without buffered bytes: struct tcp_sock, inode, file, dentry and epoll item, as slabinfo of Linux 6.1
 * shows them. Used only where nothing was measured.
 */
export const KERNEL_BYTES_USUAL = 4_096;
