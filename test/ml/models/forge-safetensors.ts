/** A safetensors file of any element type, tensors in the given order. */
export function forgeSafetensors(
  dtype: string,
  tensors: { name: string; shape: number[]; bytes: Uint8Array }[],
): Uint8Array {
  let position = 0;
  const header: Record<string, unknown> = {};
  for (const { name, shape, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [position, position + bytes.length] };
    position += bytes.length;
  }
  return forgeFile(header, Buffer.concat(tensors.map(({ bytes }) => bytes)));
}

/** A file with the given header, whatever it says, and the data, or as many zeros. */
export function forgeFile(header: unknown, data: Uint8Array | number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const content = typeof data === 'number' ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + json.length + content.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(content, 8 + json.length);
  return bytes;
}
