/**
 * An upper bound on the prompt's tokens before it is sent: no byte-level tokenizer makes more tokens than bytes, and chat
 * formats add a few for each message.
 */
export function promptTokenBound(messages: readonly { content: string }[]): number {
  return messages.reduce((sum, message) => sum + Buffer.byteLength(message.content) + 16, 64);
}

/** What the prompt's tokens are likely to be, for limits of the service that count them: English has some 4 bytes a token. */
export function promptTokenGuess(messages: readonly { content: string }[]): number {
  return Math.ceil(messages.reduce((sum, message) => sum + Buffer.byteLength(message.content) / 4 + 4, 3));
}
