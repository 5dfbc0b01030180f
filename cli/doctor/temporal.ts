import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { bad, ok } from './finding.ts';
import { ask } from './program.ts';

/** What set-up leaves in node_modules/.plumbline/temporal.json: a server's address, or the command that starts one. */
interface TemporalStamp {
  address?: string;
  cli?: { path: string; version: string; server?: string; ui?: string; source: string };
}

/** The server at TEMPORAL_ADDRESS must answer; without one, the command that carries the development server must run. */
export async function temporalFinding(root: string): Promise<Finding> {
  const name = 'Temporal';
  const address = process.env['TEMPORAL_ADDRESS'];
  if (address) return serverFinding(name, address);
  const cli = readStamp(root)?.cli;
  if (!cli)
    return bad(
      'error',
      name,
      'set-up has not provided it',
      'npm run setup (or set TEMPORAL_ADDRESS to a server)',
    );
  const { ok: runs, output, error } = await ask(cli.path, ['--version'], root);
  const facts = { path: cli.path, version: cli.version, server: cli.server ?? null, ui: cli.ui ?? null };
  if (!runs)
    return bad('error', name, `${cli.path} does not run: ${error}`, 'npm run setup -- --again', facts);
  const version = output.replace(/^temporal version /, '');
  return ok(name, `${version}, ${cli.source} (${cli.path}); plumb run starts its development server`, facts);
}

async function serverFinding(name: string, address: string): Promise<Finding> {
  const [{ Connection }, { targetFromEnvironment }] = await Promise.all([
    import('@temporalio/client'),
    import('../../worker/target.ts'),
  ]);
  try {
    const { apiKey, tls } = targetFromEnvironment(process.env) ?? {};
    const connection = await Connection.connect({
      address,
      connectTimeout: '5s',
      ...(apiKey && { apiKey }),
      ...(tls && { tls }),
    });
    try {
      const { serverVersion } = await connection.withDeadline(Date.now() + 5_000, () =>
        connection.workflowService.getSystemInfo({}),
      );
      return ok(name, `server ${serverVersion} at ${address} (TEMPORAL_ADDRESS)`, {
        address,
        server: serverVersion ?? null,
      });
    } finally {
      await connection.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return bad(
      'error',
      name,
      `the server at ${address} (TEMPORAL_ADDRESS) does not answer: ${why}`,
      'start it or correct the address; or unset TEMPORAL_ADDRESS to use the development server',
      { address },
    );
  }
}

function readStamp(root: string): TemporalStamp | undefined {
  try {
    return JSON.parse(
      readFileSync(join(root, 'node_modules', '.plumbline', 'temporal.json'), 'utf8'),
    ) as TemporalStamp;
  } catch {
    return undefined;
  }
}
