import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import protobuf from 'protobufjs';
import type { KeyRing } from './keys.ts';

/** In histories: never change these. They are the names that Temporal's own samples of encryption use. */
const ENCODING = 'encoding';
const ENCRYPTED = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';

const CIPHER = 'aes-256-gcm';
/** NIST SP 800-38D, 5.2.1.1 and 8.2.2: random nonces of 96 bits; one key is good for 2^32 payloads. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** temporal/api/common/v1/message.proto, the two fields that converters fill. */
const PAYLOAD = new protobuf.Type('Payload')
  .add(new protobuf.MapField('metadata', 1, 'string', 'bytes'))
  .add(new protobuf.Field('data', 2, 'bytes'));

const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString();

/**
 * Whole payloads, metadata included, encrypted and authenticated with AES-256-GCM: nonce, ciphertext, tag. The id of the key
 * travels in the clear and is authenticated too. What is not encrypted (of a run begun before) is read as it is.
 */
export class EncryptionCodec implements PayloadCodec {
  constructor(private readonly ring: KeyRing) {}

  async encode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => this.encrypt(payload));
  }

  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) =>
      text(payload.metadata?.[ENCODING]) === ENCRYPTED ? this.decrypt(payload) : payload,
    );
  }

  private encrypt({ metadata, data }: Payload): Payload {
    const { first: id, keys } = this.ring;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, keys.get(id) as Buffer, nonce).setAAD(Buffer.from(id));
    const plain = PAYLOAD.encode({ metadata, data }).finish();
    return {
      metadata: { [ENCODING]: Buffer.from(ENCRYPTED), [KEY_ID]: Buffer.from(id) },
      data: Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]),
    };
  }

  private decrypt({ metadata, data }: Payload): Payload {
    const id = text(metadata?.[KEY_ID]);
    const key = this.ring.keys.get(id);
    if (key === undefined)
      throw new Error(
        `A payload is encrypted with the key ${JSON.stringify(id.slice(0, 64))}, which is not among PLUMBLINE_PAYLOAD_KEYS (${[...this.ring.keys.keys()].join(', ')}).`,
      );
    const bytes = data ?? new Uint8Array();
    if (bytes.length < NONCE_BYTES + TAG_BYTES) throw damaged(id);
    const end = bytes.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(Buffer.from(id))
      .setAuthTag(bytes.subarray(end));
    try {
      const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, end)), decipher.final()]);
      return PAYLOAD.toObject(PAYLOAD.decode(plain), { defaults: true, bytes: Buffer }) as Payload;
    } catch {
      throw damaged(id);
    }
  }
}

const damaged = (id: string) =>
  new Error(`A payload is damaged, or was not encrypted with the key that we call ${id}.`);
