/** A connection that broke or a server in trouble: worth another try. */
export class Interrupted extends Error {
  constructor(
    message: string,
    /** Whether bytes came before it broke: then the tries are counted anew. */
    readonly progressed = false,
    readonly waitSeconds?: number,
  ) {
    super(message);
  }
}
