import { createServer } from 'node:net';

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The first of the preferred ports that is free, else any; never `taken`. */
export async function freePort(preferred: (number | undefined)[], taken?: number): Promise<number> {
  for (const port of preferred) {
    if (port !== undefined && port !== taken && (await isFree(port))) return port;
  }
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
