import type { Client } from '@temporalio/client';
import type { PointHeartbeat } from '../../activities/types.ts';

type Raw = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>['raw'];
type Pending = NonNullable<Raw['pendingActivities']>[number];
type Payload = NonNullable<NonNullable<Pending['lastFailure']>['encodedAttributes']>;

/** A description comes as the server holds it: encrypted, where payloads are. */
async function decoded(client: Client, payload: Payload | null | undefined): Promise<unknown> {
  if (!payload) return null;
  let payloads = [payload];
  const codecs = client.options.loadedDataConverter?.payloadCodecs ?? [];
  for (const codec of [...codecs].reverse()) payloads = await codec.decode(payloads);
  const data = payloads[0]?.data;
  return data ? JSON.parse(Buffer.from(data).toString()) : null;
}

export async function heartbeatOf(
  client: Client,
  { heartbeatDetails }: Pending,
): Promise<PointHeartbeat | null> {
  return (await decoded(client, heartbeatDetails?.payloads?.[0])) as PointHeartbeat | null;
}

export async function failureOf(client: Client, { lastFailure }: Pending): Promise<string | null> {
  const hidden = (await decoded(client, lastFailure?.encodedAttributes)) as { message?: string } | null;
  return hidden?.message ?? lastFailure?.message ?? null;
}
