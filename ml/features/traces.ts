/** The activations of a few latents in every text: what excerpts are cut from, of a dictionary too wide to keep whole. */
export class FeatureTraces {
  private readonly columns = new Map<number, number>();
  /** [T, C] of each text. */
  private readonly texts: Float32Array[] = [];

  constructor(latents: Iterable<number>) {
    for (const latent of latents) if (!this.columns.has(latent)) this.columns.set(latent, this.columns.size);
  }

  /** The next text. @param activations_TF of all `features` latents, row-major */
  add(activations_TF: Float32Array, features: number): void {
    const length = activations_TF.length / features;
    const width = this.columns.size;
    const kept_TC = new Float32Array(length * width);
    for (const [latent, column] of this.columns)
      for (let t = 0; t < length; t++)
        kept_TC[t * width + column] = activations_TF[t * features + latent] as number;
    this.texts.push(kept_TC);
  }

  /** Of one latent in one text, in the order in which they were added. [T] */
  of(latent: number, text: number): Float32Array {
    const kept_TC = this.texts[text] as Float32Array;
    const column = this.columns.get(latent) as number;
    const width = this.columns.size;
    return Float32Array.from(
      { length: kept_TC.length / width },
      (_, t) => kept_TC[t * width + column] as number,
    );
  }
}
