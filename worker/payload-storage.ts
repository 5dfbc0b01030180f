import {
  type DataConverter,
  ExternalStorage,
  type Payload,
  type StorageDriver,
  StorageDriverClaim,
  type StorageDriverStoreContext,
} from '@temporalio/common';
import type { Store } from '../store/types.ts';
import { EncryptionCodec } from './encryption/codec.ts';
import { encryptFailures } from './encryption/failures.ts';
import type { KeyRing } from './encryption/keys.ts';

/**
 * Payloads above 256 KiB (the points of a large sweep, what became of them) live in the artifact store, and histories carry
 * a reference: Temporal refuses payloads above 2 MB and histories above 50 MB. Workers and clients need the same converter.
 * With keys, everything is encrypted before it leaves this process, for histories and for the store.
 */
export function dataConverter(store: Store, keys: KeyRing | null = null): DataConverter {
  if (keys) encryptFailures();
  return {
    externalStorage: new ExternalStorage({ drivers: [new StorePayloads(store)] }),
    ...(keys && { payloadCodecs: [new EncryptionCodec(keys)] }),
  };
}

/** The blob is the payload's data as it is (JSON, readable, unless it is encrypted); its metadata travels in the reference. */
class StorePayloads implements StorageDriver {
  /** In histories: never change it. */
  readonly name = 'plumbline-store';
  readonly type = 'plumbline.store';

  constructor(private readonly blobs: Store) {}

  async store({ target }: StorageDriverStoreContext, payloads: Payload[]): Promise<StorageDriverClaim[]> {
    return await Promise.all(
      payloads.map(async ({ data, metadata }) => {
        const { sha256, size } = await this.blobs.putBytes(data ?? new Uint8Array());
        // Tells whoever collects garbage that a history needs the blob, and whose.
        await this.blobs.putDocumentIfAbsent(`payloads/${sha256}`, { size, owner: target?.id ?? null });
        return new StorageDriverClaim({ sha256, metadata: encode(metadata ?? {}) });
      }),
    );
  }

  async retrieve(_context: unknown, claims: StorageDriverClaim[]): Promise<Payload[]> {
    return await Promise.all(
      claims.map(async ({ claimData: { sha256 = '', metadata = '{}' } }) => ({
        data: await this.blobs.readBytes(sha256),
        metadata: decode(metadata),
      })),
    );
  }
}

function encode(metadata: Record<string, Uint8Array>): string {
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  );
}

function decode(text: string): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(JSON.parse(text) as Record<string, string>).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64'),
    ]),
  );
}
