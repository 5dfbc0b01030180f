import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Role {
  accessKey: string;
  secretKey: string;
  /** Until they end. */
  seconds: number;
}

export interface InstanceRoleServer {
  endpoint: string;
  role: Role;
  /** How often the keys were given out. */
  given: number;
  close(): Promise<void>;
}

/** EC2's instance metadata service, version 2, as far as roles go; and the one of containers at /container, with a token. */
export async function instanceRoleServer(role: Role, containerToken: string): Promise<InstanceRoleServer> {
  const session = 'session-of-the-machine';
  const server = createServer((request, response) => {
    const end = (status: number, body = '') => response.writeHead(status).end(body);
    const keys = () => {
      made.given += 1;
      const { accessKey, secretKey, seconds } = made.role;
      return JSON.stringify({
        Code: 'Success',
        Type: 'AWS-HMAC',
        AccessKeyId: accessKey,
        SecretAccessKey: secretKey,
        Expiration: new Date(Date.now() + seconds * 1000).toISOString(),
      });
    };
    const { method, url, headers } = request;
    if (url === '/container') return headers.authorization === containerToken ? end(200, keys()) : end(401);
    if (url === '/latest/api/token')
      return method === 'PUT' && headers['x-aws-ec2-metadata-token-ttl-seconds']
        ? end(200, session)
        : end(405);
    if (headers['x-aws-ec2-metadata-token'] !== session) return end(401);
    if (url === '/latest/meta-data/iam/security-credentials/') return end(200, 'worker role\n');
    if (url === '/latest/meta-data/iam/security-credentials/worker%20role') return end(200, keys());
    return end(404);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const made: InstanceRoleServer = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    role,
    given: 0,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return made;
}
