import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { UserError } from '../errors.ts';
import { Interrupts } from '../interrupts.ts';

export interface CodecServerCommand {
  host: string;
  port: number;
  /** Origins of web UIs. */
  origin?: string[];
}

/** `plumb codec-server`: decrypts payloads for the Temporal web UI, until a signal. */
export async function codecServer({ host, port, origin = [] }: CodecServerCommand): Promise<number> {
  const [{ codecServer: create }, { EncryptionCodec }, { keysFromEnvironment }] = await Promise.all([
    import('../../worker/encryption/codec-server.ts'),
    import('../../worker/encryption/codec.ts'),
    import('../../worker/encryption/keys.ts'),
  ]);
  const ring = keysFromEnvironment(process.env);
  if (!ring)
    throw new UserError(
      'There are no keys to decrypt with.',
      'Set PLUMBLINE_PAYLOAD_KEYS or PLUMBLINE_PAYLOAD_KEYS_FILE as for the workers.',
    );
  const token = process.env['PLUMBLINE_CODEC_TOKEN'];
  if (!token || token.length < 16)
    throw new UserError(
      'PLUMBLINE_CODEC_TOKEN is not set, or shorter than 16 characters: anyone could read what is encrypted.',
      'Set it to what the web UI sends: export PLUMBLINE_CODEC_TOKEN=$(openssl rand -hex 32)',
    );
  const interrupts = new Interrupts();
  const server = create({ codec: new EncryptionCodec(ring), origins: origin, token });
  try {
    server.listen(port, host);
    await once(server, 'listening');
    const { port: at } = server.address() as AddressInfo;
    process.stdout.write(
      `Decrypting at http://${host}:${at} for ${origin.length > 0 ? origin.join(', ') : 'no web page (--origin names one)'}.\n`,
    );
    await once(interrupts.signal, 'abort');
    return 0;
  } finally {
    server.closeAllConnections();
    server.close();
    interrupts.close();
  }
}
